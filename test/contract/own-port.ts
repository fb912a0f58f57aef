/**
 * A port for a server that goes away and comes back in a test. The system hands out ports from 32768 on (Linux; elsewhere higher) to
 * whoever asks for any, so one of those may be somebody else's by the time the server returns; these here nobody is given. Up to 19999,
 * since a Redis in cluster mode also takes the port 10,000 above.
 */
import { createServer } from 'node:net';

const [FIRST, LAST] = [10_000, 19_999];

/** Free at `host` now, by chance another one each time. */
export async function ownPort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    const server = createServer();
    const free = await new Promise<boolean>((tell) => {
      server.once('error', () => tell(false));
      server.listen(port, host, () => server.close(() => tell(true)));
    });
    if (free) return port;
  }
}
