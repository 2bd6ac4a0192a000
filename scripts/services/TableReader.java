import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.iceberg.BaseTable;
import org.apache.iceberg.DeleteFile;
import org.apache.iceberg.FileScanTask;
import org.apache.iceberg.MetadataColumns;
import org.apache.iceberg.Schema;
import org.apache.iceberg.StaticTableOperations;
import org.apache.iceberg.Table;
import org.apache.iceberg.TableUtil;
import org.apache.iceberg.data.IcebergGenerics;
import org.apache.iceberg.data.Record;
import org.apache.iceberg.hadoop.HadoopFileIO;
import org.apache.iceberg.io.CloseableIterable;
import org.apache.iceberg.types.TypeUtil;
import org.apache.iceberg.types.Types;

/**
 * Plans and reads tables with Iceberg's Java library, each from its metadata file, and prints a line of JSON: its data
 * files with their numbers and the deletes that apply to them, and its rows, of version 3 with their ids.
 */
public class TableReader {
  public static void main(String[] metadataFiles) throws Exception {
    for (String metadataFile : metadataFiles) {
      HadoopFileIO io = new HadoopFileIO(new Configuration());
      Table table = new BaseTable(new StaticTableOperations(metadataFile, io), metadataFile);
      Map<String, Object> result = new LinkedHashMap<>();
      result.put("files", files(table));
      result.put("rows", rows(table));
      System.out.println(new ObjectMapper().writeValueAsString(result));
    }
  }

  private static List<Map<String, Object>> files(Table table) throws Exception {
    List<Map<String, Object>> files = new ArrayList<>();
    try (CloseableIterable<FileScanTask> tasks = table.newScan().planFiles()) {
      for (FileScanTask task : tasks) {
        Map<String, Object> file = new LinkedHashMap<>();
        file.put("path", task.file().location());
        file.put("data-sequence-number", task.file().dataSequenceNumber());
        file.put("file-sequence-number", task.file().fileSequenceNumber());
        file.put("first-row-id", task.file().firstRowId());
        TreeSet<String> deletes = new TreeSet<>();
        for (DeleteFile delete : task.deletes()) {
          deletes.add(delete.location() + " " + delete.dataSequenceNumber());
        }
        file.put("deletes", deletes);
        files.add(file);
      }
    }
    files.sort(Comparator.comparing(file -> (String) file.get("path")));
    return files;
  }

  private static List<Map<String, Object>> rows(Table table) throws Exception {
    Schema schema = table.schema();
    if (TableUtil.formatVersion(table) >= 3) {
      schema = TypeUtil.join(
          schema, new Schema(MetadataColumns.ROW_ID, MetadataColumns.LAST_UPDATED_SEQUENCE_NUMBER));
    }
    List<Map<String, Object>> rows = new ArrayList<>();
    try (CloseableIterable<Record> records = IcebergGenerics.read(table).project(schema).build()) {
      for (Record record : records) {
        Map<String, Object> row = new LinkedHashMap<>();
        for (Types.NestedField field : schema.columns()) {
          row.put(field.name(), record.getField(field.name()));
        }
        rows.add(row);
      }
    }
    rows.sort(Comparator.comparing(row -> (Long) row.get("k")));
    return rows;
  }
}
