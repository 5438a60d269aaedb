/** A client that takes its time over a request, or has none, does not keep its connection for ever. */
import { expect, onTestFinished, test } from 'vitest'
import type { Handler } from '../../src/server/handler.ts'
import { startServer } from '../../src/server/server.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { openRaw, parseAnswers } from '../support/raw-client.ts'

/** Longer than any test waits, so that the one limit under test is the one that acts. */
const LONG = { keepAliveMs: 600_000, headersMs: 600_000, requestMs: 600_000, checkingMs: 10 }
const HELLO: Handler = (_req, res) => void res.writeHead(200, ['Content-Length', '5']).end('hello')

async function start(timeouts: Partial<typeof LONG>): Promise<{ port: number; faults: unknown[] }> {
  const faults: unknown[] = []
  const options = {
    clock: new FakeClock(),
    onFault: (error: unknown) => faults.push(error),
    timeouts: { ...LONG, ...timeouts },
  }
  const server = await startServer([{ host: '127.0.0.1', port: 0, highWaterMarkBytes: 65_536 }], HELLO, options)
  onTestFinished(() => server.close(0, 0))
  return { port: server.listeners[0]?.port ?? 0, faults }
}

test('header fields that do not end in time are a 408', async () => {
  const { port, faults } = await start({ headersMs: 50 })
  const connection = await openRaw(port)
  connection.write('GET / HTTP/1.1\r\nHost: x\r\n')
  const [answer] = parseAnswers(await connection.closed)

  expect([answer?.status, answer?.isWhole, answer?.headers['connection']]).toEqual([408, true, 'close'])
  expect(answer?.body.toString()).toBe('The request took too long\n')
  expect(faults).toEqual([])
})

test('a request whose body does not end in time loses its connection', async () => {
  const { port } = await start({ headersMs: 50, requestMs: 50 })
  const connection = await openRaw(port)
  connection.write('GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345')
  const [answer, ...more] = parseAnswers(await connection.closed)

  expect([answer?.status, answer?.body.toString()]).toEqual([200, 'hello'])
  expect(more.map(({ status }) => status).filter((status) => status !== 408)).toEqual([])
})

test('an idle connection is closed after its keep-alive time, and its answer was whole', async () => {
  const { port } = await start({ keepAliveMs: 50 })
  const connection = await openRaw(port)
  connection.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const answers = parseAnswers(await connection.closed)

  expect(answers.map(({ status, isWhole, body }) => [status, isWhole, body.toString()])).toEqual([[200, true, 'hello']])
})
