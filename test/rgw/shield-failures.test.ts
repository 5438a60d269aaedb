/** The whole program when a real gateway denies, refuses or dies: errors that tell the truth and give nothing away. */
import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { pattern } from '../origin/fixture.ts'
import { describeWithRgw, put } from './fixture.ts'
import { type Answer, startShield } from './shield.ts'

/** More than the sockets' buffers hold, so that most of it is still to come when the gateway dies. */
const LARGE_BYTES = 64 * 1024 * 1024
/** As the log's JSON writes `error`. */
const ERROR_LEVEL = 50

function expectNothingGivenAway(answer: Answer, secrets: readonly string[]): void {
  const shown = `${JSON.stringify(answer.headers)}\n${answer.bytes}`
  for (const secret of secrets) expect(shown).not.toContain(secret)
  expect(answer.bytes.toString()).not.toMatch(/[<>]|Error|Code|\bat\b/)
  expect(answer.bytes.length).toBeLessThan(100)
  expect(answer.headers['content-type']).toMatch(/^text\/plain/)
}

/** The body bytes that came before the connection ended, and whether the answer passed for a whole one. */
async function readToItsEnd(response: IncomingMessage): Promise<{ bytes: Buffer; isWhole: boolean }> {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of response) chunks.push(chunk)
  } catch {
    // A cut answer is what these tests are about: `complete` says so below.
  }
  return { bytes: Buffer.concat(chunks), isWhole: response.complete }
}

describeWithRgw('the shield when Ceph RGW denies, refuses or dies', (gateway) => {
  test('a denied object is a small 403 of our own', async () => {
    await put(gateway(), 'private.ts', Buffer.from('secret bytes'))
    const credentials = await gateway().createUser()
    const shield = await startShield(gateway(), { credentials })
    const answer = await shield.get('/private.ts')

    expect(answer.status).toBe(403)
    expectNothingGivenAway(answer, [gateway().bucket, credentials.accessKeyId, 'secret bytes', 'private'])
  })

  test.each([
    {
      what: 'a wrong secret',
      code: 'SignatureDoesNotMatch',
      wrong: () => ({ credentials: { ...gateway().credentials, secretAccessKey: 'wrong-secret' } }),
    },
    {
      what: 'an unknown access key',
      code: 'InvalidAccessKeyId',
      wrong: () => ({ credentials: { accessKeyId: 'UNKNOWN-KEY-ID', secretAccessKey: 'wrong-secret' } }),
    },
    { what: 'a bucket that is not there', code: 'NoSuchBucket', wrong: () => ({ bucket: 'no-such-bucket' }) },
  ])('$what is a 502 that gives nothing away, an error in the log, and never cached', async ({ code, wrong }) => {
    await put(gateway(), 'object.ts', Buffer.from('there'))
    const shield = await startShield(gateway(), wrong())
    const { accessKeyId, secretAccessKey } = gateway().credentials
    const secrets = [accessKeyId, secretAccessKey, 'UNKNOWN-KEY-ID', 'wrong-secret']
    for (const target of ['/object.ts', '/object.ts', '/missing.ts']) {
      const answer = await shield.get(target)
      expect([target, answer.status, answer.headers['cache-control']]).toEqual([target, 502, 'no-store'])
      expectNothingGivenAway(answer, [...secrets, gateway().bucket, 'no-such-bucket', code])
    }
    const errors = shield.logLines.filter((line) => line.includes(code))

    expect(errors.map((line) => JSON.parse(line).level)).toContain(ERROR_LEVEL)
    for (const secret of secrets) expect(shield.logLines.join('\n')).not.toContain(secret)
  })

  test.each([
    { what: 'one that is kept whole, of which nothing stays', maxObject: '128MiB', staysInPart: false },
    { what: 'one in slices, of which the first stay', maxObject: '8MiB', staysInPart: true },
  ])('a gateway killed in the middle of an object cuts every answer off: $what', async ({ maxObject, staysInPart }) => {
    const bytes = pattern(LARGE_BYTES)
    await put(gateway(), 'film.mp4', bytes)
    const secrets = () => [gateway().bucket, gateway().credentials.accessKeyId, gateway().endpoint, 'film']
    const shield = await startShield(gateway(), { maxObject })
    const response = await shield.open('/film.mp4')
    // Synchronous up to the kill: no more than the sockets' buffers has got through by now.
    await gateway().stopGateway()
    const received = await readToItsEnd(response)
    const down = await shield.open('/film.mp4')
    const downRead = await readToItsEnd(down)
    await gateway().startGateway()
    const back = await shield.get('/film.mp4')

    expect([response.statusCode, response.headers['content-length']]).toEqual([200, String(LARGE_BYTES)])
    expect(received.isWhole).toBe(false)
    expect(received.bytes.length).toBeLessThan(LARGE_BYTES)
    // What is there is served, and what is not there is never made up.
    expect([down.statusCode, downRead.isWhole]).toEqual(staysInPart ? [200, false] : [502, true])
    if (!staysInPart) expectNothingGivenAway({ ...downRead, status: 502, headers: down.headers }, secrets())
    expect([back.status, Buffer.compare(back.bytes, bytes)]).toEqual([200, 0])
    if (!staysInPart) expect(back.headers['cache-status']).not.toContain('hit')
  })

  test('a gateway that is down is a 502, what is in memory is served all the same, and it is 200 again after', async () => {
    await put(gateway(), 'kept.ts', Buffer.from('kept'))
    await put(gateway(), 'wanted.ts', Buffer.from('wanted'))
    const shield = await startShield(gateway())
    await shield.get('/kept.ts')
    await gateway().stopGateway()
    const kept = await shield.get('/kept.ts')
    const down = await shield.get('/wanted.ts')
    await gateway().startGateway()
    const back = await shield.get('/wanted.ts')

    expect([kept.status, kept.bytes.toString()]).toEqual([200, 'kept'])
    expect(down.status).toBe(502)
    expectNothingGivenAway(down, [gateway().bucket, gateway().endpoint, 'wanted', 'ECONNREFUSED'])
    expect([back.status, back.bytes.toString()]).toEqual([200, 'wanted'])
  })
})
