import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartitionInfo;

/**
 * Answers questions about the cluster as its brokers see it, one line each on standard output, so that a
 * test pays for one JVM only.
 *
 * <p>"topic NAME" prints "partition:leader:replicas:isr" for each partition, separated by blanks.
 *
 * <p>Arguments: bootstrap servers.
 */
public final class Admin {
    public static void main(String[] args) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("default.api.timeout.ms", "10000");
        properties.put("request.timeout.ms", "3000");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        try (AdminClient admin = AdminClient.create(properties)) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String answer;
                try {
                    answer = answer(admin, line.split(" "));
                } catch (Exception error) {
                    answer = "error " + error.toString().replace('\n', ' ');
                }
                System.out.println(answer);
            }
        }
    }

    private static String answer(AdminClient admin, String[] words) throws Exception {
        if (!words[0].equals("topic")) {
            return "error unknown question " + words[0];
        }
        return admin.describeTopics(List.of(words[1])).allTopicNames().get().get(words[1]).partitions()
                .stream().map(Admin::print).collect(Collectors.joining(" "));
    }

    private static String print(TopicPartitionInfo partition) {
        String leader = partition.leader() == null ? "none" : partition.leader().idString();
        return partition.partition() + ":" + leader + ":" + ids(partition.replicas()) + ":" + ids(partition.isr());
    }

    private static String ids(List<Node> nodes) {
        return nodes.stream().map(Node::id).sorted().map(String::valueOf).collect(Collectors.joining(","));
    }
}
