import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import kafka.tools.StorageTool;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's storage tool again and again in one JVM. Each line on standard input holds the arguments of
 * one run, separated by tabs; each line on standard output its exit code, standard output and standard
 * error, separated by tabs, with line ends written as \n.
 */
public final class Storage {
    private static final class Exited extends RuntimeException {
        final int code;

        Exited(int code) {
            this.code = code;
        }
    }

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        Exit.setExitProcedure((code, message) -> {
            throw new Exited(code);
        });
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            ByteArrayOutputStream err = new ByteArrayOutputStream();
            System.setOut(new PrintStream(out));
            System.setErr(new PrintStream(err));
            int code = run(line.isEmpty() ? new String[0] : line.split("\t"));
            answers.println(code + "\t" + flat(out) + "\t" + flat(err));
        }
    }

    private static int run(String[] arguments) {
        try {
            StorageTool.main(arguments);
            return 0;
        } catch (Exited exited) {
            return exited.code;
        } catch (Throwable error) {
            // What the JVM does with an exception that nobody catches, without the stack.
            System.err.println("Exception in thread \"main\" " + error);
            return 1;
        }
    }

    private static String flat(ByteArrayOutputStream printed) {
        return printed.toString().replace("\\", "\\\\").replace("\n", "\\n");
    }
}
