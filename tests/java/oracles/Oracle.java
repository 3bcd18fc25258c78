import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.metadata.MetadataRecordSerde;

/**
 * Kafka's own serializers behind standard input and output: a line in, a line out.
 *
 *   schema PATH            the JSON schema at PATH in the jars
 *   default CLASS VERSION  a fresh message, encoded
 *   again CLASS VERSION HEX  the message in HEX, decoded and encoded again
 *   record HEX             the metadata record in HEX, its frame included, decoded and encoded again
 */
public class Oracle {
    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String answer;
            try {
                answer = answer(line.split(" "));
            } catch (Throwable error) {
                answer = "error " + error.toString().replace('\n', ' ');
            }
            System.out.println(answer);
            System.out.flush();
        }
    }

    private static String answer(String[] words) throws Exception {
        switch (words[0]) {
            case "schema":
                return schema(words[1]);
            case "default":
                return encode(message(words[1]), Short.parseShort(words[2]));
            case "again": {
                ApiMessage message = message(words[1]);
                short version = Short.parseShort(words[2]);
                ByteBuffer bytes = bytes(words, 3);
                message.read(new ByteBufferAccessor(bytes), version);
                if (bytes.hasRemaining()) return "error " + bytes.remaining() + " bytes left over";
                return encode(message, version);
            }
            case "record":
                return record(bytes(words, 1));
            default:
                return "error unknown command";
        }
    }

    private static ByteBuffer bytes(String[] words, int at) {
        return ByteBuffer.wrap(words.length > at ? HexFormat.of().parseHex(words[at]) : new byte[0]);
    }

    private static ApiMessage message(String name) throws Exception {
        return (ApiMessage) Class.forName(name).getDeclaredConstructor().newInstance();
    }

    private static String encode(ApiMessage message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer bytes = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(bytes), cache, version);
        return HexFormat.of().formatHex(bytes.array());
    }

    private static String record(ByteBuffer bytes) {
        MetadataRecordSerde serde = MetadataRecordSerde.INSTANCE;
        var record = serde.read(new ByteBufferAccessor(bytes), bytes.remaining());
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer again = ByteBuffer.allocate(serde.recordSize(record, cache));
        serde.write(record, cache, new ByteBufferAccessor(again));
        return HexFormat.of().formatHex(again.array());
    }

    private static String schema(String path) throws Exception {
        try (InputStream stream = Oracle.class.getResourceAsStream("/" + path)) {
            if (stream == null) return "none";
            String text = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
            return text.replaceAll("(?m)^\\s*//.*$", "").replace('\n', ' ').replace('\r', ' ');
        }
    }
}
