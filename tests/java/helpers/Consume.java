import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Consumes a topic as a member of a group and writes "value partition offset" of every message to a file,
 * until a line arrives on standard input.
 *
 * <p>Arguments: bootstrap servers, topic, group, file.
 */
public final class Consume {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("group.id", args[2]);
        properties.put("auto.offset.reset", "earliest");
        properties.put("key.deserializer", StringDeserializer.class.getName());
        properties.put("value.deserializer", StringDeserializer.class.getName());
        try (PrintStream consumed = new PrintStream(Files.newOutputStream(Paths.get(args[3])));
                KafkaConsumer<String, String> consumer = new KafkaConsumer<>(properties)) {
            consumer.subscribe(List.of(args[1]));
            while (System.in.available() == 0) {
                StringBuilder lines = new StringBuilder();
                for (ConsumerRecord<String, String> message : consumer.poll(Duration.ofMillis(200))) {
                    lines.append(message.value()).append(' ').append(message.partition()).append(' ')
                            .append(message.offset()).append('\n');
                }
                consumed.print(lines);
                consumed.flush();
            }
        }
        System.out.println("left the group");
    }
}
