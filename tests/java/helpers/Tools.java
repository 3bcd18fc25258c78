import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's tools again and again in one JVM. Each line on standard input holds the main class and the
 * arguments of one run, separated by tabs; each line on standard output its exit code, standard output and
 * standard error, separated by tabs, with line ends and tabs written as \n and \t. A tool that ends the
 * JVM itself is answered for with "exited" in place of the code.
 */
public final class Tools {
    /** Unwinds a tool that has called for its exit. */
    private static final class Exited extends RuntimeException {
    }

    /** Scala keeps the stream that it finds first, so the stream stays and what it leads to changes. */
    private static final class Captured extends OutputStream {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        /** A tool may close it: the next one needs it still. */
        PrintStream stream() {
            return new PrintStream(this, true) {
                @Override
                public void close() {
                    flush();
                }
            };
        }

        @Override
        public void write(int next) {
            if (exitCode == null) {
                bytes.write(next);
            }
        }

        @Override
        public void write(byte[] from, int offset, int length) {
            if (exitCode == null) {
                bytes.write(from, offset, length);
            }
        }

        String take() {
            String text = bytes.toString();
            bytes = new ByteArrayOutputStream();
            return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t");
        }
    }

    private static final long PATIENCE_MS = 120_000;

    private static volatile boolean running;
    private static volatile long startedMs;
    /** What the tool called its exit with. Some catch our exception and say more: that does not count. */
    private static volatile Integer exitCode;

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        Captured out = new Captured();
        Captured err = new Captured();
        System.setOut(out.stream());
        System.setErr(err.stream());
        Exit.Procedure exit = (code, message) -> {
            if (exitCode == null) {
                exitCode = code;
            }
            throw new Exited();
        };
        Exit.setExitProcedure(exit);
        Exit.setHaltProcedure(exit);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            if (running) {
                answers.println("exited\t" + out.take() + "\t" + err.take());
            }
        }));
        Thread tool = Thread.currentThread();
        Thread watchdog = new Thread(() -> endWhatHangs(tool));
        watchdog.setDaemon(true);
        watchdog.start();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split("\t");
            startedMs = System.currentTimeMillis();
            running = true;
            int code = run(words[0], Arrays.copyOfRange(words, 1, words.length));
            running = false;
            exitCode = null;
            answers.println(code + "\t" + out.take() + "\t" + err.take());
        }
    }

    /** Says where a tool hangs, and ends the JVM. */
    private static void endWhatHangs(Thread tool) {
        while (!running || System.currentTimeMillis() - startedMs < PATIENCE_MS) {
            try {
                Thread.sleep(1_000);
            } catch (InterruptedException interrupted) {
                return;
            }
        }
        System.err.println("hangs in " + Arrays.toString(tool.getStackTrace()));
        System.exit(124);
    }

    private static int run(String tool, String[] arguments) {
        Throwable error;
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) arguments);
            return 0;
        } catch (InvocationTargetException thrown) {
            error = thrown.getCause();
        } catch (ReflectiveOperationException thrown) {
            error = thrown;
        }
        if (exitCode != null) {
            return exitCode;
        }
        // What the JVM does with an exception that nobody catches, without the stack.
        System.err.println("Exception in thread \"main\" " + error);
        return 1;
    }
}
