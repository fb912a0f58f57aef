/**
 * One thing wrong with a file that a person wrote: where, what, and what would be right. Rooms that read files return lists
 * of these, all at once; `cli/problems.ts` prints them with the line and a caret.
 */
export interface Problem {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** From 1; 0 = the file as a whole. */
  readonly line: number;
  readonly column: number;
  /** `load_balancers[0].pools[2].weight`; empty for the file as a whole. */
  readonly path: string;
  /** What is wrong, without a full stop: `unknown key "steering_polcy"`. */
  readonly message: string;
  /** What would be right: `did you mean "steering_policy"?` */
  readonly hint: string;
}

/** A value, or every problem that kept it from being one. Warnings may come beside a value. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };
