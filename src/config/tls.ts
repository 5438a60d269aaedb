/** TLS of a listener in the file: one certificate, or several of which each goes to those who ask for its names. */

import * as z from 'zod'
import { filledText, time } from './kinds.ts'
import { option, section } from './option.ts'

const pair = section({
  cert: option(
    filledText,
    'File with the certificate, and behind it those that lead to its root; PEM. Relative to where the program was started.',
  ),
  key: option(filledText, 'File with its private key; PEM, without a passphrase.'),
  hsts: option(
    time,
    'Answers under this certificate tell browsers to use nothing but HTTPS for this long (Strict-Transport-Security). Default: they do not.',
  ).optional(),
}).meta({ description: 'A certificate with its key. What names it is for is read from it.' })

const NO_PAIRS = 'expected a certificate and a key, or a list of such pairs'

const pairs = z.array(pair, { error: NO_PAIRS }).min(1, { error: NO_PAIRS })

const { $schema: _, ...PAIR_SHAPE } = z.toJSONSchema(pair, { io: 'input', target: 'draft-07' })

/** One pair or several; always a list in the end. */
export const tls = z
  .unknown()
  .transform((written, context) => {
    // A fault of the only one is told by its path as it is written.
    const read = isMapping(written) ? pair.transform((only) => [only]).safeParse(written) : pairs.safeParse(written)
    if (read.success) return read.data
    context.issues.push(...read.error.issues.map((issue) => ({ ...issue, input: written }) as z.core.$ZodRawIssue))
    return z.NEVER
  })
  .optional()
  .meta({
    anyOf: [PAIR_SHAPE, { type: 'array', items: PAIR_SHAPE, minItems: 1 }],
    description:
      'Speak HTTPS: HTTP/2 and HTTP/1.1, as the client chooses; TLS 1.2 and newer. One certificate with its key, or a list of them, the first for clients that ask for no name that has one. Default: plain HTTP.',
  })

function isMapping(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
