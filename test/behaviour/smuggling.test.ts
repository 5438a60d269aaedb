/** A request whose framing can be read in two ways is never read in the second one. */
import { expect, test } from 'vitest'
import { expectUnharmed, parseAnswers, rawExchange, startShield } from '../support/shield.ts'

const SMUGGLED = 'GET /secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const LINE = ' /a.ts HTTP/1.1\r\nHost: x\r\n'

/** What follows the method. Each ends with a whole request that another reader of the same bytes might see. */
const SHAPES: Readonly<Record<string, string>> = {
  'Content-Length and Transfer-Encoding': `${LINE}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'Transfer-Encoding and Content-Length': `${LINE}Transfer-Encoding: chunked\r\nContent-Length: ${SMUGGLED.length + 5}\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'two lengths that differ': `${LINE}Content-Length: 0\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
  'two lengths that agree': `${LINE}Content-Length: 0\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`,
  'a list of lengths': `${LINE}Content-Length: 0, 0\r\n\r\n${SMUGGLED}`,
  'a length with a sign': `${LINE}Content-Length: +0\r\n\r\n${SMUGGLED}`,
  'a negative length': `${LINE}Content-Length: -1\r\n\r\n${SMUGGLED}`,
  'a length in hexadecimal': `${LINE}Content-Length: 0x0\r\n\r\n${SMUGGLED}`,
  'a length beyond every number': `${LINE}Content-Length: ${'9'.repeat(40)}\r\n\r\n${SMUGGLED}`,
  'an empty length': `${LINE}Content-Length: \r\n\r\n${SMUGGLED}`,
  'an encoding nobody knows': `${LINE}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'chunked twice': `${LINE}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'chunked, then another': `${LINE}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'chunked in one field, another in the next': `${LINE}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a control character before chunked': `${LINE}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a space before the colon': `${LINE}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a folded encoding': `${LINE}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'chunks in HTTP/1.0': ` /a.ts HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  'a chunk size with a bare line feed': `${LINE}Transfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n${SMUGGLED}`,
  'a chunk that ends in a bare line feed': `${LINE}Transfer-Encoding: chunked\r\n\r\n2\r\nab\n0\r\n\r\n${SMUGGLED}`,
  'a chunk longer than its size': `${LINE}Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n${SMUGGLED}`,
  'a chunk size beyond every number': `${LINE}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\nab\r\n0\r\n\r\n${SMUGGLED}`,
  'a negative chunk size': `${LINE}Transfer-Encoding: chunked\r\n\r\n-1\r\nab\r\n0\r\n\r\n${SMUGGLED}`,
  'a chunk size with a prefix': `${LINE}Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n${SMUGGLED}`,
  'a bare line feed in a chunk extension': `${LINE}Transfer-Encoding: chunked\r\n\r\n2;\nab\r\n0\r\n\r\n${SMUGGLED}`,
  'a length among the trailers': `${LINE}Transfer-Encoding: chunked\r\n\r\n0\r\nX: a\nContent-Length: 9\r\n\r\n${SMUGGLED}`,
  'a second Host': `${LINE}Host: y\r\n\r\n${SMUGGLED}`,
  'a bare carriage return': `${LINE}X: a\r\rContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
}

test.each(Object.entries(SHAPES))('%s: nobody gets the answer to the request behind it', async (_, shape) => {
  const shield = await startShield()
  shield.s3.put('secret', 'SECRET')

  for (const method of ['GET', 'POST']) {
    const received = await rawExchange(shield.port, method + shape)
    const [, ...behind] = parseAnswers(received, [method])
    // A body that turns out to be broken after its request was answered may still be refused.
    expect(behind.length).toBeLessThanOrEqual(1)
    expect(behind.every(({ status, isWhole }) => status === 400 && isWhole)).toBe(true)
    expect(received.toString('latin1')).not.toContain('SECRET')
  }
  expect(shield.s3.requestsFor('secret')).toEqual([])
  await expectUnharmed(shield, shield.s3.requests.length)
})
