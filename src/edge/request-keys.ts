/**
 * Whom the draws of a live request are about (`core/draws.ts`): its number at this edge. In a laboratory, what it says of itself in a field
 * that the drill's client writes, so that the edge draws for it what the replay drew. An edge that was not started for one never reads it.
 */
import { type FieldName, fieldName } from '../http1/field-set.ts';
import type { RequestHead } from '../http1/head.ts';

/** uint32, in digits. */
const KEY = /^\d{1,10}$/;

export class RequestKeys {
  readonly #field: FieldName | undefined;
  #count = -1;

  /** @param field Lab only: the field that brings a request's key. Whoever may send it chooses its own draws. */
  constructor(field?: string | undefined) {
    this.#field = field === undefined ? undefined : fieldName(field);
  }

  /** int32. The edge's own count where nothing is told, or nonsense. */
  of(head: RequestHead): number {
    if (this.#field !== undefined) {
      const told = head.get(this.#field);
      if (told !== undefined && KEY.test(told)) return Number(told) | 0;
    }
    return this.next();
  }

  /** The next number of what brings none. */
  next(): number {
    this.#count = (this.#count + 1) | 0;
    return this.#count;
  }
}
