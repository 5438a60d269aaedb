/** A body whose reader has kept it waiting goes on where it was, whether or not more has come meanwhile. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { gate } from '../support/gate.ts'
import { startAsked, WAYS } from './asked-each-way.ts'
import { pattern } from './fixture.ts'

const BYTES = pattern(400_000)
/** More than is taken from the connection for nobody. */
const FIRST = BYTES.subarray(0, 100_000)
const REST = BYTES.subarray(FIRST.length)
const FRAMINGS: readonly (readonly [string, (bytes: Buffer) => readonly (Buffer | string)[]])[] = [
  ['Content-Length: 400000', (bytes) => [bytes]],
  ['Transfer-Encoding: chunked', (bytes) => [`${bytes.length.toString(16)}\r\n`, bytes, '\r\n']],
]

describe.each(WAYS)('asked by %s', (way) => {
  test.each(FRAMINGS)('%s', async (field, framed) => {
    const { server, ask } = await startAsked(way)
    const [sent, more] = [gate(), gate()]
    server.on('/media/a', async ({ write }) => {
      await write(`HTTP/1.1 200 OK\r\nETag: "v1"\r\n${field}\r\n\r\n`)
      for (const part of framed(FIRST)) await write(part)
      sent.open()
      await more.opened
      for (const part of framed(REST)) await write(part)
      if (field.endsWith('chunked')) await write('0\r\n\r\n')
    })
    const { body } = await ask()
    if (body === undefined) throw new Error('an answer without a body')
    await sent.opened
    for (let turns = 0; turns < 50; turns += 1) await setImmediate()

    const chunks: Buffer[] = []
    const received = () => chunks.reduce((total, { length }) => total + length, 0)
    const readOne = async () => {
      const { value } = await body.next()
      if (value !== undefined) chunks.push(value)
      return value
    }
    while (received() < FIRST.length) await readOne()
    const next = readOne()
    more.open()
    expect((await next)?.length).toBeGreaterThan(0)
    while ((await readOne()) !== undefined);
    expect(chunks.map(({ length }) => length)).not.toContain(0)
    expect(Buffer.concat(chunks).equals(BYTES)).toBe(true)
    expect(server.sockets.opened).toBe(1)
  })
})
