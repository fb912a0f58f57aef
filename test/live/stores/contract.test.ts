/** One suite against every kind of store, the real servers included. */
import { afterAll } from 'vitest';
import { byteStoreContract } from '../../contract/byte-store.ts';
import { endServers } from '../../contract/servers.ts';
import { KINDS } from './kinds.ts';

afterAll(endServers);

for (const kind of KINDS) byteStoreContract(kind);
