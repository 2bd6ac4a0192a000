// Reads the changes of one table from a frazil server and prints them as JSON lines.
//
//     java --add-opens=java.base/java.nio=ALL-UNNAMED -cp 'JARS/*' Client.java HOST:PORT TABLE

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.apache.arrow.flight.FlightClient;
import org.apache.arrow.flight.FlightDescriptor;
import org.apache.arrow.flight.FlightEndpoint;
import org.apache.arrow.flight.FlightInfo;
import org.apache.arrow.flight.FlightStream;
import org.apache.arrow.flight.Location;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.TimeStampVector;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.arrow.vector.dictionary.Dictionary;
import org.apache.arrow.vector.types.pojo.ArrowType;

public final class Client {
    public static void main(String[] arguments) throws Exception {
        if (arguments.length != 2) {
            System.err.println("usage: Client HOST:PORT TABLE");
            System.exit(2);
        }
        String[] address = arguments[0].split(":");
        Location location = Location.forGrpcInsecure(address[0], Integer.parseInt(address[1]));
        PrintStream output = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        try (BufferAllocator allocator = new RootAllocator();
                FlightClient client = FlightClient.builder(allocator, location).build()) {
            // frazil.v1.ReadChangesRequest in JSON: what is left out has its default.
            byte[] command = ("{\"table\": " + text(arguments[1]) + "}").getBytes(StandardCharsets.UTF_8);
            FlightInfo info = client.getInfo(FlightDescriptor.command(command));
            for (FlightEndpoint endpoint : info.getEndpoints()) {
                read(client, endpoint, output);
            }
        }
        output.flush();
    }

    private static void read(FlightClient client, FlightEndpoint endpoint, PrintStream output) throws Exception {
        try (FlightStream stream = client.getStream(endpoint.getTicket())) {
            VectorSchemaRoot root = stream.getRoot();
            while (stream.next()) {
                for (int row = 0; row < root.getRowCount(); row++) {
                    StringBuilder line = new StringBuilder("{");
                    for (FieldVector vector : root.getFieldVectors()) {
                        line.append(line.length() > 1 ? ", " : "").append(text(vector.getName())).append(": ");
                        line.append(json(value(stream, vector, row)));
                    }
                    output.println(line.append("}"));
                }
                // Where to go on from after this batch: stream.getLatestMetadata() is {"position": …, "marker": …}.
            }
        }
    }

    private static Object value(FlightStream stream, FieldVector vector, int row) {
        if (vector.isNull(row)) {
            return null;
        }
        var encoding = vector.getField().getDictionary();
        if (encoding != null) {
            Dictionary dictionary = stream.getDictionaryProvider().lookup(encoding.getId());
            int index = ((Number) vector.getObject(row)).intValue();
            return dictionary.getVector().getObject(index);
        }
        if (vector instanceof TimeStampVector timestamps) {
            var type = (ArrowType.Timestamp) vector.getField().getType();
            var time = java.time.Instant.EPOCH.plus(timestamps.get(row), java.time.temporal.ChronoUnit.MICROS);
            String shown = time.toString();
            return type.getTimezone() == null ? shown.substring(0, shown.length() - 1) : shown;
        }
        return vector.getObject(row);
    }

    private static String json(Object value) {
        // Decimals are text, so that nobody reads them as binary fractions.
        if (value == null || value instanceof Boolean) {
            return String.valueOf(value);
        }
        return value instanceof Number && !(value instanceof java.math.BigDecimal) ? value.toString() : text(value);
    }

    private static String text(Object value) {
        StringBuilder text = new StringBuilder("\"");
        value.toString().chars().forEach(c -> {
            if (c == '"' || c == '\\') {
                text.append('\\').append((char) c);
            } else if (c < ' ') {
                text.append(String.format("\\u%04x", c));
            } else {
                text.append((char) c);
            }
        });
        return text.append('"').toString();
    }
}
