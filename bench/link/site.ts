/** The site of bench:link: `/BYTES/DELAY_MS/VERSION…` answers with that version of a page of that size, so much later. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { benchPage } from './pages.ts';

const made = new Map<string, Buffer>();
let version = 0;

const server = createServer((request, response) => {
  const [, bytes = '', delayMs = ''] = (request.url ?? '').split('/');
  if (bytes === 'next') {
    version += 1;
    return void response.end(String(version));
  }
  const page = pageOf(Number(bytes));
  const answer = (): void => {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': page.length });
    response.end(page);
  };
  if (Number(delayMs) > 0) setTimeout(answer, Number(delayMs));
  else answer();
});

/** Made before anybody asks for it again: the origin's own time is not what is measured. */
function pageOf(bytes: number): Buffer {
  const name = `${bytes}/${version}`;
  let page = made.get(name);
  if (page === undefined) {
    page = benchPage(bytes, version);
    made.set(name, page);
  }
  return page;
}

server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ ready: true, port: String((server.address() as AddressInfo).port) })}\n`);
});
