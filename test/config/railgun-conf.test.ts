import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  RAILGUN_KEYS,
  type RailgunConf,
  defaultRailgunConf,
  parseRailgunConf,
  planReload,
} from '../../src/config/railgun-conf.ts';

const TOKEN = '0123456789abcdef0123456789abcdef';
const BASE = `memcached.servers = 127.0.0.1:11211\nactivation.token = ${TOKEN}\n`;

function read(text: string): RailgunConf {
  const parsed = parseRailgunConf('railgun.conf', BASE + text, 'rgx');
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

function problems(
  text: string,
): readonly { severity: string; line: number; column: number; path: string; message: string; hint: string }[] {
  const parsed = parseRailgunConf('railgun.conf', text, 'rgx');
  return parsed.ok ? parsed.warnings : parsed.problems;
}

describe('the defaults of the manual', () => {
  it.each([
    { field: 'wanPort', value: 2408 },
    { field: 'wanTls', value: true },
    { field: 'wanLanes', value: 1_000 },
    { field: 'lanTimeoutSeconds', value: 30 },
    { field: 'memcachedTimeoutMs', value: 100 },
    { field: 'memcachedExpirationSeconds', value: 600 },
    { field: 'memcachedLimitBytes', value: 1_000_000 },
    { field: 'validateCert', value: true },
    { field: 'insecureOrigin', value: false },
    { field: 'originIdleConns', value: 1 },
    { field: 'originCfRailgun', value: false },
    { field: 'logLevel', value: 0 },
    { field: 'statsEnabled', value: false },
    { field: 'statsIntervalMinutes', value: 1 },
    { field: 'activationHeartbeatSeconds', value: 0 },
    { field: 'cpuOversubscribe', value: 1 },
  ] as const)('$field is $value', ({ field, value }) => {
    expect(read('')[field]).toBe(value);
  });

  it('the classic profile streams above 250,000 and compresses no lane data; ours goes to 1 MiB and does', () => {
    expect(defaultRailgunConf('classic')).toMatchObject({ streamSizeBytes: 250_000, compressData: false });
    expect(defaultRailgunConf('rgx')).toMatchObject({ streamSizeBytes: 1_048_576, compressData: true });
  });
});

describe('reading', () => {
  it('RG-084 a packaged file with comments, blank lines and odd spacing', () => {
    const conf = read(`
# Main configuration
wan.ip =
wan.port=2408
  lan.timeout   =   45   # seconds
memcached.limit = 1000000
stream.size = 250000
compress.data = 1
map.file = /etc/railgun/railgun-nat.conf
validate.cert = 0
ca.bundle = /etc/ssl/railgun-ca-certs.crt
stats.url = http://stats.example/#here
stats.listen = 127.0.0.1:24088
origin.cf-railgun = 1
log.level = 5
cpuprofile.intial = 1
activation.railgun_host = railgun.example.com
`);
    expect(conf).toMatchObject({
      wanIp: '',
      lanTimeoutSeconds: 45,
      streamSizeBytes: 250_000,
      compressData: true,
      mapFile: '/etc/railgun/railgun-nat.conf',
      validateCert: false,
      statsUrl: 'http://stats.example/#here',
      logLevel: 5,
      cpuprofileInitial: true,
      activationRailgunHost: 'railgun.example.com',
    });
  });

  it('every key of the table can be written and is read into its own field', () => {
    const fields = Object.values(RAILGUN_KEYS).map((key) => key.field);
    expect(new Set(fields).size).toBe(fields.length);
    expect(fields.toSorted()).toEqual(Object.keys(defaultRailgunConf('rgx')).toSorted());
  });

  it.each([
    { text: 'memcached.servers = 10.0.0.1:11211 10.0.0.2:11211', servers: ['10.0.0.1:11211', '10.0.0.2:11211'] },
    { text: 'memcached.servers = /var/run/memcached.sock', servers: ['/var/run/memcached.sock'] },
    { text: 'memcached.connect = 10.0.0.3:11211', servers: ['10.0.0.3:11211'] },
    { text: 'memcached.servers = [2001:db8::1]:11211', servers: ['[2001:db8::1]:11211'] },
  ])('$text', ({ text, servers }) => {
    const parsed = parseRailgunConf('f', `${text}\nactivation.token = ${TOKEN}`, 'rgx');
    expect(parsed.ok && parsed.value.memcachedServers).toEqual(servers);
  });

  it('older spellings are read, and give way to the present one wherever it stands', () => {
    expect(read('activation.public_ip = 192.0.2.1').activationRailgunHost).toBe('192.0.2.1');
    expect(read('activation.railgun_host = a.example\nactivation.public_ip = 192.0.2.1').activationRailgunHost).toBe(
      'a.example',
    );
    expect(read('activation.public_ip = 192.0.2.1\nactivation.railgun_host = a.example').activationRailgunHost).toBe(
      'a.example',
    );
  });
});

describe('what is wrong, and where', () => {
  it('RG-078 without memcached.servers there is no start, and the message says so', () => {
    expect(problems(`activation.token = ${TOKEN}`)).toMatchObject([
      {
        severity: 'error',
        path: 'memcached.servers',
        message: '"memcached.servers" is missing',
        hint: expect.stringContaining('11211'),
      },
    ]);
  });

  it('without a token neither', () => {
    expect(problems('memcached.servers = a:1')).toMatchObject([{ severity: 'error', path: 'activation.token' }]);
  });

  it.each([
    { line: 'wan.port = 0', column: 12, message: 'no whole number from 1 to 65535' },
    { line: 'wan.port = 70000', column: 12, message: 'no whole number' },
    { line: 'lan.timeout = 30s', column: 15, message: 'no whole number' },
    { line: 'wan.tls = yes', column: 11, message: 'neither 0 nor 1' },
    { line: 'log.level = 2', column: 13, message: 'no log level' },
    { line: 'memcached.servers = 127.0.0.1', column: 21, message: 'no host:port' },
    { line: 'memcached.servers = /a.sock 1.2.3.4:1', column: 21, message: 'stands alone' },
    { line: 'activation.token = short', column: 20, message: '32 letters and digits' },
    { line: 'stray words', column: 1, message: 'not a setting' },
  ])('$line', ({ line, column, message }) => {
    expect(problems(`${BASE}\n${line}`).filter((one) => one.severity === 'error')).toMatchObject([
      { severity: 'error', line: 4, column, message: expect.stringContaining(message) },
    ]);
  });

  it.each([
    { text: 'wan.prot = 1', message: 'unknown key "wan.prot"', hint: 'did you mean "wan.port"?' },
    { text: 'zzzz = 1', message: 'unknown key "zzzz"', hint: 'it is ignored' },
    { text: '__proto__ = 1', message: 'unknown key "__proto__"', hint: 'it is ignored' },
    { text: 'wan.tls = 0', message: 'for tests only', hint: 'wan.tls = 1' },
    {
      text: 'stream.size = 2000000\nmemcached.limit = 2000000',
      message: 'streamed in any case',
      hint: '1048576 is used',
    },
    { text: 'memcached.limit = 100000', message: 'never stored', hint: 'raise' },
    { text: 'cert.file = /a.pem', message: 'belong together', hint: 'both' },
    { text: 'wan.port = 1\nwan.port = 2', message: 'line 3 already', hint: 'remove' },
  ])('$text is a warning, not an error', ({ text, message, hint }) => {
    const found = problems(`${BASE}${text}`);
    expect(
      found.some(
        (one) =>
          one.severity === 'warning' && one.line >= 3 && one.message.includes(message) && one.hint.includes(hint),
      ),
    ).toBe(true);
    expect(found.every((one) => one.severity === 'warning')).toBe(true);
  });

  it('a stream.size above 1 MiB is clamped', () => {
    expect(read('stream.size = 5000000').streamSizeBytes).toBe(1_048_576);
  });

  it('all problems at once, errors before warnings', () => {
    const found = problems('wan.port = x\nwan.prot = 1\nwan.tls = 7');
    expect(found.map((one) => [one.severity, one.line])).toEqual([
      ['error', 1],
      ['error', 3],
      ['error', 0],
      ['error', 0],
      ['warning', 2],
    ]);
  });

  it('any text gives settings or problems, never an exception', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('wan.port', '=', ' ', '\n', '#', '1', 'memcached.servers', '/', ':', 'constructor'),
          maxLength: 40,
        }),
        (text) => void parseRailgunConf('f', text, 'rgx'),
      ),
    );
  });
});

describe('RG-079 SIGHUP', () => {
  it('RG-079 live keys apply, the others are reported and stay as they were', () => {
    const before = read('wan.port = 2408\nlog.level = 0\nlan.timeout = 30');
    const after = read(
      'wan.port = 2409\nlog.level = 5\nlan.timeout = 10\npid.file = /tmp/x\nmemcached.servers = a:1 b:2',
    );
    const reload = planReload(before, after);
    expect(reload.applied.toSorted()).toEqual(['lan.timeout', 'log.level', 'memcached.servers']);
    expect(reload.ignored.toSorted()).toEqual(['pid.file', 'wan.port']);
    expect(reload.conf).toEqual({ ...before, logLevel: 5, lanTimeoutSeconds: 10, memcachedServers: ['a:1', 'b:2'] });
  });

  it('RG-079 the live keys are those of the manual', () => {
    const live = Object.entries(RAILGUN_KEYS).flatMap(([name, key]) => (key.live === true ? [name] : []));
    expect(live.toSorted()).toEqual(
      [
        'compress.data',
        'lan.timeout',
        'log.level',
        'map.file',
        'memcached.expiration',
        'memcached.limit',
        'memcached.servers',
        'memcached.timeout',
        'stats.url',
        'syslog.addr',
        'validate.cert',
      ].toSorted(),
    );
  });
});
