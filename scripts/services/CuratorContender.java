import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryNTimes;

/**
 * Takes a lock with Curator's own recipe, again and again: CuratorContender CONNECT PATH MARKER N. While it holds the lock it makes the file
 * MARKER, and fails if that is there: then somebody else holds the lock too.
 */
public final class CuratorContender {
    public static void main(String[] arguments) throws Exception {
        Path marker = Path.of(arguments[2]);
        int n = Integer.parseInt(arguments[3]);
        try (CuratorFramework client = CuratorFrameworkFactory.newClient(arguments[0], new RetryNTimes(10, 100))) {
            client.start();
            InterProcessMutex mutex = new InterProcessMutex(client, arguments[1]);
            for (int i = 0; i < n; i++) {
                if (!mutex.acquire(60, TimeUnit.SECONDS)) {
                    throw new IllegalStateException("not acquired within a minute");
                }
                try {
                    Files.createFile(marker);
                    Files.delete(marker);
                } finally {
                    mutex.release();
                }
            }
        }
        System.out.println("acquired " + n);
    }
}
