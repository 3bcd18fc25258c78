import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;

import kafka.docker.KafkaDockerWrapper$;
import kafka.server.KafkaConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.server.config.DynamicBrokerConfig;

/**
 * Kafka's own reading of server.properties behind standard input and output: a line in, a line out.
 *
 *   keys             the names of all keys
 *   key NAME         type, default, valid values, update mode, whether it is internal, and for lists whether
 *                    empty ones and empty items are refused, with tabs between
 *   properties HEX   what Properties.load makes of a file: keys and values in hexadecimal
 *   config HEX       what KafkaConfig says of a file: "ok", or why it will not do
 *   value KEY HEX    the value of a key in a file, after config providers were asked
 *   image NAME=VALUE ...   the line that the apache/kafka image makes of each variable; "none" for none
 */
public class Configs {
    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String answer;
            try {
                answer = answer(line.split(" "));
            } catch (Throwable error) {
                answer = "error " + error.getMessage();
            }
            System.out.println(answer.replace("\n", "\\n"));
            System.out.flush();
        }
    }

    private static String answer(String[] words) throws Exception {
        switch (words[0]) {
            case "keys":
                return String.join(" ", KafkaConfig.configDef().names());
            case "key":
                return key(KafkaConfig.configDef().configKeys().get(words[1]));
            case "properties":
                return show(file(words.length > 1 ? words[1] : ""));
            case "config":
                KafkaConfig.fromProps(file(words[1]), false);
                return "ok";
            case "value":
                return KafkaConfig.fromProps(file(words[2]), false).originals().get(words[1]).toString();
            case "image":
                return image(words);
            default:
                return "error unknown command";
        }
    }

    private static String key(ConfigDef.ConfigKey key) {
        String standard = key.hasDefault() ? ConfigDef.convertToString(key.defaultValue, key.type) : "required";
        String mode = DynamicBrokerConfig.dynamicConfigUpdateModes().getOrDefault(key.name, "read-only");
        String valid = key.validator == null ? "" : key.validator.toString();
        return String.join("\t", key.type.name(), String.valueOf(standard), valid, mode,
            String.valueOf(key.internalConfig), String.valueOf(refuses(key, List.of())),
            String.valueOf(refuses(key, List.of(""))));
    }

    private static boolean refuses(ConfigDef.ConfigKey key, List<String> list) {
        if (key.type != ConfigDef.Type.LIST || key.validator == null) return false;
        try {
            key.validator.ensureValid(key.name, list);
            return false;
        } catch (Exception error) {
            return true;
        }
    }

    private static Properties file(String hex) throws Exception {
        Properties properties = new Properties();
        properties.load(new ByteArrayInputStream(HexFormat.of().parseHex(hex)));
        return properties;
    }

    private static String image(String[] words) {
        List<String> lines = new ArrayList<>();
        for (int i = 1; i < words.length; i++) {
            String[] variable = words[i].split("=", 2);
            scala.collection.immutable.Map<String, String> one =
                scala.collection.immutable.Map$.MODULE$.<String, String>empty().updated(variable[0], variable[1]);
            var made = KafkaDockerWrapper$.MODULE$.getServerConfigsFromEnv(one);
            lines.add(made.isEmpty() ? "none" : made.head());
        }
        return String.join(" ", lines);
    }

    private static String show(Properties properties) {
        List<String> lines = new ArrayList<>();
        for (Map.Entry<Object, Object> entry : new TreeMap<>(properties).entrySet()) {
            lines.add(hex(entry.getKey()) + "=" + hex(entry.getValue()));
        }
        return String.join(" ", lines);
    }

    private static String hex(Object text) {
        return HexFormat.of().formatHex(((String) text).getBytes(StandardCharsets.UTF_8));
    }
}
