import { describe, expect, it } from 'vitest';
import { Line, batch, tagged } from '../../src/railgun/log-lines.ts';
import { Stats } from '../../src/railgun/stats.ts';
import { Pair, START } from './pretend-link.ts';

describe('RG-076 the life of a request in the log', () => {
  const pair = new Pair({
    rules: { logLevel: 5 },
    origin: () => ({ status: 301, head: [['Location', 'http://www.example.com/b']], afterUs: 1_572 }),
  });
  const outcome = pair.get({ method: 'HEAD' });
  const id = outcome.header?.kind === 'link' ? outcome.header.id : '';

  it('RG-076 the published lines, in the published order, each with the stream id in front', () => {
    expect(pair.logs()[0]).toBe('Handling new WAN connection');
    const lines = pair.logs().slice(1);
    expect(lines.map((line) => line.replaceAll(`${id}...`, 'ID'))).toEqual([
      expect.stringMatching(
        /^Rx \[ID FnBegin ID FnRequest HEAD http:\/\/www\.example\.com\/ HTTP\/1\.1 203\.0\.113\.10 {2}ID FnData DENone \d+ {3}ID FnPush\]$/,
      ),
      'ID waiting for request',
      'ID HEAD http://www.example.com/ HTTP/1.1 203.0.113.10 []',
      'ID Starting connection to LAN',
      'ID connected to 203.0.113.10:80',
      'ID Request sent to server',
      'ID waiting for response',
      'ID Response is ready',
      'ID Received response',
      'ID Forcing wantedDelta',
      'ID HTTP/1.1 301 Moved Permanently',
      'Tx [ID FnData DENone 0  ]',
      'ID completed (0 body bytes in 0.001572 seconds/0)',
      'ID waiting for request',
      'Tx [ID FnPush]',
    ]);
  });

  it('RG-077 at level 0 nothing is logged when requests succeed, at level 1 neither', () => {
    for (const logLevel of [0, 1] as const) {
      const quiet = new Pair({ rules: { logLevel } });
      quiet.get();
      quiet.get();
      expect(quiet.logs()).toEqual([]);
    }
  });
});

describe('single lines', () => {
  it.each([
    { line: tagged('199.0.2.7:22114', Line.newLane), text: 'railgun[199.0.2.7:22114]: Handling new WAN connection' },
    {
      line: Line.connectTimeout('192.0.2.1', 443, 'a.example'),
      text: 'connection failed 192.0.2.1:443/a.example: dial tcp 192.0.2.1:443: i/o timeout',
    },
    {
      line: Line.noResponse('192.0.2.1', 80, 'a.example'),
      text: 'no response from origin (timeout) 192.0.2.1:80/a.example',
    },
    { line: Line.refused('2001:db8::1', 80), text: 'Error getting page: dial tcp [2001:db8::1]:80:connection refused' },
    {
      line: Line.tls('192.0.2.1', 443, 'a.example', 'remote error: handshake failure'),
      text: 'connection failed 192.0.2.1:443/a.example: remote error: handshake failure',
    },
    { line: Line.badLength('-1'), text: 'bad Content-Length: "-1"' },
    { line: Line.transmitTime(550), text: 'Transmit time: 550us' },
    { line: Line.activation.assigned(1), text: '[Activation] Assigned Railgun ID: 1' },
    {
      line: Line.completed('ab18927f79', 92_516, 1_572_000, 0.29),
      text: 'ab18927f79... completed (92516 body bytes in 1.572000 seconds/0)',
    },
  ])('$text', ({ line, text }) => {
    expect(line).toBe(text);
  });

  it('RG-087 the three lines of an activation', () => {
    expect([Line.activation.posted, Line.activation.assigned(7), Line.activation.certificate]).toEqual([
      '[Activation] Activation POST completed.',
      '[Activation] Assigned Railgun ID: 7',
      '[Activation] Acquired cert from server',
    ]);
  });

  it('a PING in a batch shows its moment to the microsecond', () => {
    expect(batch('Rx', [{ fn: 'FnPing', at: START }])).toBe(
      'Rx [0000000000... FnPing 2026-05-28 20:26:40.000000 +0000 UTC]',
    );
  });
});

describe('RG-072 statistics', () => {
  it('RG-072 every named counter is there and says what happened', () => {
    const stats = new Stats();
    stats.laneStarted();
    stats.laneStarted();
    stats.laneStopped();
    for (let turn = 0; turn < 4; turn += 1) stats.started();
    stats.retried();
    stats.noOriginResponse();
    stats.completed('full', 10_000, 2_500);
    stats.completed('delta', 10_000, 100);
    stats.completed('same', 10_000, 0);
    stats.completed('raw', 700, 700);
    stats.sent(3_500);
    expect(stats.json(START)).toEqual({
      bytes_retrieved: 30_700,
      delta_compression_ratio: 867,
      no_origin_response: 1,
      origin_retries: 1,
      requests_completed: 4,
      requests_started: 4,
      time: 1_780_000_000,
      uncompressed_chunks: 1,
      wan_bytes_sent: 3_500,
      wan_starts: 2,
      wan_stops: 1,
    });
    expect(new Stats().json(START)).toMatchObject({ delta_compression_ratio: 0, requests_started: 0 });
  });
});
