/**
 * The processes of bench:link: edge and listener as the verbs that everybody runs, nginx (or this machine's Node) as the origin that
 * gzips, and a site behind them. The wide area and the clock are the bench's own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from '../../src/live/railgun/identity.ts';

export const TOKEN = 'bench000bench000bench000bench000';
const BIN = new URL('../../bin/switchyard.js', import.meta.url).pathname;
const SITE = new URL('./site.ts', import.meta.url).pathname;
const NGINX = '/usr/sbin/nginx';

export interface Child {
  readonly process: ChildProcess;
  readonly ready: Readonly<Record<string, string>>;
}

export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'switchyard-bench-'));
  readonly #children: ChildProcess[] = [];

  /** Starts a program that says in one JSON line on stdout that it is ready. */
  start(args: readonly string[]): Promise<Child> {
    const child = spawn(process.execPath, args, { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors = (errors + String(chunk)).slice(-4_000);
    });
    return new Promise((resolve, reject) => {
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += String(chunk);
        const end = text.indexOf('\n');
        if (end > 0) resolve({ process: child, ready: JSON.parse(text.slice(0, end)) as Record<string, string> });
      });
      child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code ?? 'a signal'}: ${errors}`)));
    });
  }

  site(): Promise<Child> {
    return this.start([SITE]);
  }

  listener(sitePort: number): Promise<Child> {
    this.write('railgun.conf', `activation.token = ${TOKEN}\nvalidate.cert = 0\nlog.level = 0\n`);
    this.write('railgun-nat.conf', `default = 127.0.0.1:${sitePort}\n`);
    const files = ['--config', 'railgun.conf', '--nat', 'railgun-nat.conf'];
    return this.start([BIN, 'listener', ...files, '--listen', '127.0.0.1:0', '--store', 'memory']);
  }

  edge(originPort: number, linkPort: number): Promise<Child> {
    const balancer = { proxied: true, default_pools: ['site'], fallback_pool: 'site' };
    const config = {
      version: 1,
      zones: [{ name: 'bench.test' }],
      pools: [
        {
          id: 'site',
          name: 'site',
          origins: [{ name: 'site', address: '127.0.0.1', port: originPort, enabled: true }],
        },
      ],
      railguns: [{ id: 'rg', name: 'bench', railgun_host: '127.0.0.1', port: linkPort, activation_key: TOKEN }],
      load_balancers: [
        { ...balancer, name: 'link.bench.test', railgun: 'rg' },
        { ...balancer, name: 'direct.bench.test' },
      ],
    };
    this.write('edge.json', JSON.stringify(config));
    const flags = ['--listen', '127.0.0.1:0', '--admin', 'off', '--store', 'memory', '--state', this.folder];
    return this.start([BIN, 'serve', '--config', 'edge.json', ...flags]);
  }

  /** In front of the site: gzip -6 and TLS, as a visitor without a link would meet it. `undefined`: not installed. */
  async nginx(sitePort: number): Promise<{ readonly plain: number; readonly tls: number } | undefined> {
    if (!existsSync(NGINX)) return undefined;
    const { key, cert } = await makeCertificate('bench.test', Date.now());
    this.write('nginx.key', key);
    this.write('nginx.crt', cert);
    const [plain, tls] = [await freePort(), await freePort()];
    this.write(
      'nginx.conf',
      `daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit; events { worker_connections 256; }
http { access_log off; gzip on; gzip_comp_level 6; gzip_min_length 200; gzip_types *; gzip_proxied any; keepalive_timeout 600s;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  proxy_buffers 64 64k; proxy_buffer_size 64k; proxy_busy_buffers_size 128k;
  upstream site { server 127.0.0.1:${sitePort}; keepalive 16; }
  server { listen 127.0.0.1:${plain}; listen 127.0.0.1:${tls} ssl; ssl_certificate nginx.crt; ssl_certificate_key nginx.key;
    ssl_protocols TLSv1.3; location / { proxy_pass http://site; proxy_http_version 1.1; proxy_set_header Connection ""; } } }
`,
    );
    const child = spawn(NGINX, ['-p', this.folder, '-c', join(this.folder, 'nginx.conf'), '-e', 'stderr'], {
      stdio: 'ignore',
    });
    this.#children.push(child);
    await answering(plain);
    return { plain, tls };
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  async close(): Promise<void> {
    const ends = this.#children.map((child) => {
      if (child.exitCode !== null || child.signalCode !== null) return undefined;
      const end = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 3_000).unref();
      return end;
    });
    await Promise.all(ends);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function answering(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    const there = await fetch(`http://127.0.0.1:${port}/1000/0/0`).then(
      () => true,
      () => false,
    );
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('nginx does not answer');
}
