import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Produces numbered messages with acks=all and idempotence, and writes the number of every acknowledged
 * one to a file. Keeps to a pace until a line arrives on standard input, then sends what is left as fast
 * as it can, so that the messages span whatever happens to the cluster meanwhile.
 *
 * <p>Arguments: bootstrap servers, topic, count, messages a second, file.
 */
public final class Produce {
    private static volatile boolean hurry;

    public static void main(String[] args) throws Exception {
        long count = Long.parseLong(args[2]);
        double perMillisecond = Long.parseLong(args[3]) / 1000.0;
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("acks", "all");
        properties.put("enable.idempotence", "true");
        properties.put("linger.ms", "5");
        properties.put("key.serializer", StringSerializer.class.getName());
        properties.put("value.serializer", StringSerializer.class.getName());
        Thread listener = new Thread(Produce::awaitLine);
        listener.setDaemon(true);
        listener.start();
        AtomicLong failures = new AtomicLong();
        try (PrintStream acknowledged = new PrintStream(Files.newOutputStream(Paths.get(args[4])));
                KafkaProducer<String, String> producer = new KafkaProducer<>(properties)) {
            long start = System.currentTimeMillis();
            for (long id = 0; id < count || !hurry; id++) {
                while (!hurry && id > (System.currentTimeMillis() - start) * perMillisecond) {
                    Thread.sleep(1);
                }
                String number = Long.toString(id);
                producer.send(new ProducerRecord<>(args[1], number, number), (metadata, error) -> {
                    if (error == null) {
                        acknowledged.println(number);
                    } else if (failures.incrementAndGet() <= 10) {
                        error.printStackTrace();
                    }
                });
            }
        }
        System.out.println("failures " + failures.get());
    }

    private static void awaitLine() {
        try {
            System.in.read();
        } catch (java.io.IOException error) {
            error.printStackTrace();
        }
        hurry = true;
    }
}
