/**
 * Answers that the balancer itself gives, in rules and pool sets (spec 1.5, LB-207).
 */
import * as z from 'zod';
import type { FixedResponse } from '../core/model.ts';
import { maybe, optional } from './shape.ts';

export const fixedResponseShape = z.strictObject({
  status_code: optional(z.int().min(200).max(599), 200, 'Status of the answer.'),
  content_type: optional(z.string().max(32), '', 'Content-Type of the answer.'),
  location: optional(z.string().max(2_048), '', 'Location of a redirect.'),
  message_body: optional(z.string().max(1_024), '', 'Body of the answer.'),
});

export const fixedResponseField = maybe(fixedResponseShape, 'Answer at once; no pool is reached, no later rule runs.');

export function readFixedResponse(raw: z.output<typeof fixedResponseShape> | undefined): FixedResponse | undefined {
  if (raw === undefined) return undefined;
  return {
    statusCode: raw.status_code,
    contentType: raw.content_type,
    location: raw.location,
    messageBody: raw.message_body,
  };
}
