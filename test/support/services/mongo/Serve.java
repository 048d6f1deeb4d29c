import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import java.util.List;

/** Speaks MongoDB's protocol on a loopback port, with data in one file: {@code java -cp 'lib/*' Serve.java <port> <file>}. */
public class Serve {
  public static void main(String[] arguments) throws Exception {
    H2Backend backend = new H2Backend(arguments[1]);
    backend.version(new Version5());
    MongoServer server = new MongoServer(backend);
    server.bind("127.0.0.1", Integer.parseInt(arguments[0]));
    Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
  }

  /** By itself the server answers wire version 8 for 5.0; drivers want what a real 5.0 answers, which is 13. */
  private static final class Version5 implements MongoVersion {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(5, 0, 0);
    }

    @Override
    public int getWireVersion() {
      return 13;
    }
  }
}
