/**
 * From a host name to a connected socket, for every kind of probe that speaks TCP. The name is looked up anew for each probe
 * (spec 3.2: probes use uncached lookups); an address is taken as it is.
 */
import { lookup as systemLookup } from 'node:dns';
import { type Socket, connect, isIP } from 'node:net';
import type { Attempt } from './attempt.ts';
import { reasonOf, wordsOf } from './socket-reasons.ts';

/** `dns.lookup` with one answer; tests put a table in its place. */
export type Lookup = (name: string, done: (error: Error | null, address: string, family: number) => void) => void;

export const resolveBySystem: Lookup = (name, done) => systemLookup(name, { all: false }, done);

/** Calls `then` with an address unless the attempt ends first; fails the attempt when there is none. */
export function resolve(attempt: Attempt, lookup: Lookup, name: string, then: (address: string) => void): void {
  if (isIP(name) !== 0) {
    then(name);
    return;
  }
  lookup(name, (error, address) => {
    if (attempt.ended) return;
    if (error === null) then(address);
    else attempt.failed(reasonOf(error), wordsOf(error));
  });
}

/** Connects and calls `then`. Later errors are the caller's: it sets its own handler. */
export function open(attempt: Attempt, address: string, port: number, then: (socket: Socket) => void): void {
  const socket = connect({ host: address, port, autoSelectFamily: false });
  attempt.hold({ release: () => socket.destroy() });
  const fail = (error: Error): void => attempt.failed(reasonOf(error), wordsOf(error));
  socket.on('error', fail);
  socket.once('connect', () => {
    socket.off('error', fail);
    // Whoever takes over listens too; this one only keeps a late reset from being nobody's.
    socket.on('error', () => {});
    then(socket);
  });
}
