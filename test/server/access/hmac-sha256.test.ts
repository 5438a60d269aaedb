import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HmacSha256 } from '../../../src/server/access/hmac-sha256.ts'
import { opensslHmac } from '../../support/openssl.ts'

test.each([
  ['key', 'text'],
  ['k'.repeat(64), 'ä text – with more than one byte a character'],
  ['k'.repeat(65), 'of a key that is longer than a block'],
  ['key', 'a long text '.repeat(700)],
])('gives what OpenSSL gives: %s', (key, message) => {
  expect(new HmacSha256(key).sign(message, 'hex')).toBe(opensslHmac(key, message).toString('hex'))
})

test('gives for one message after the other what Node’s own gives', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 130 }),
      fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 400 }), fc.uint8Array({ maxLength: 2000 }))),
      (key, messages) => {
        const hmac = new HmacSha256(Buffer.from(key))
        for (const message of messages) {
          const text = typeof message === 'string' ? message : Buffer.from(message)
          expect(hmac.sign(text, 'base64url')).toBe(
            createHmac('sha256', Buffer.from(key)).update(text).digest('base64url'),
          )
        }
      },
    ),
  )
})
