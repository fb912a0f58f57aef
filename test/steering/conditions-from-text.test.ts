/** The two halves of a rule's condition together: text as `config` reads it, run as steering runs it. */
import { describe, expect, it } from 'vitest';
import { parseExpression } from '../../src/config/expression.ts';
import { compileCondition } from '../../src/steering/evaluate.ts';
import { httpFacts } from '../../src/steering/request.ts';
import { balancer, pool, requestOf, START } from './builders.ts';

const facts = httpFacts({
  method: 'GET',
  host: 'www.example.com',
  path: '/Blog/a.html',
  query: 'lang=de&lang=fr&x',
  headers: { 'x-tier': ['gold'], accept: ['text/html', 'image/png'], cookie: 'beta=1' },
});

function holds(text: string): boolean {
  const parsed = parseExpression(text);
  if (!parsed.ok) return expect.unreachable(`${text}: ${JSON.stringify(parsed.faults)}`);
  return compileCondition(parsed.expression, balancer([pool('p'), pool('fb')]))(requestOf({ facts }), START);
}

describe('conditions, from text to verdict', () => {
  it.each([
    ['lower(http.request.uri.path) contains "/blog"', true],
    ['http.request.uri.path contains "/blog"', false],
    ['http.host eq "www.example.com" and http.request.method == "GET"', true],
    ['http.host eq "x" and http.host eq "x" or http.request.method eq "GET"', true],
    ['http.request.method eq "GET" xor http.host eq "www.example.com"', false],
    ['http.request.method eq "GET" or http.host eq "x" xor http.host eq "www.example.com"', true],
    ['not http.host eq "x"', true],
    ['ip.src in {198.51.100.0/24 2001:db8::/32}', true],
    ['ip.src in {203.0.113.0..203.0.113.255}', false],
    ['http.request.method in {"PUT" "GET"}', true],
    ['any(http.request.headers["accept"][*] contains "png")', true],
    ['all(http.request.headers["accept"][*] contains "png")', false],
    ['http.request.headers["x-tier"][0] eq "gold"', true],
    ['http.request.headers["X-Tier"][0] eq "gold"', true],
    ['any(http.request.uri.args["lang"][*] eq "fr")', true],
    ['http.request.uri.args["lang"][1] eq "de"', false],
    ['len(http.request.uri.args.names) ge 3', true],
    ['any(starts_with(http.request.uri.args.values[*], "f"))', true],
    ['any(lower(http.request.headers["x-tier"][*])[*] eq "gold")', true],
    ['http.request.uri.path matches "^/[Bb]log/.*\\.html$"', true],
    ['http.request.uri.path matches "(?i)^/BLOG/"', true],
    ['http.request.uri.path wildcard "/blog/*.HTML"', true],
    ['http.request.uri.path strict wildcard "/blog/*"', false],
    ['http.request.timestamp.sec gt 1772366399', true],
    ['cf.load_balancer.region in {"WEU" "EEU"}', true],
    ['http.cookie contains "beta=1" && !starts_with(http.request.uri.path, "/api")', true],
    ['dns.qry.name ne "x"', false],
  ] as const)('%s', (text, wanted) => {
    expect(holds(text)).toBe(wanted);
  });
});
