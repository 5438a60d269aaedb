/** How what arrives is handed to a connection: what comes together goes out together, and nothing is said that is not so. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { BufferedBody } from '../../src/cache/buffered-body.ts'
import { OriginError } from '../../src/errors.ts'
import { sendParts } from '../../src/server/send.ts'
import { openRequest } from '../support/http-client.ts'

/** A client that has asked, and the answer to it, which is not begun. */
async function asked() {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const requested = once(server, 'request')
  const answer = openRequest((server.address() as AddressInfo).port, { path: '/' })
  const [, res] = (await requested) as [unknown, ServerResponse]
  return { answer, res }
}

function send(res: ServerResponse, body: BufferedBody) {
  const onFailure = vi.fn<(error: OriginError, isBegun: boolean) => void>()
  sendParts({
    res,
    body,
    parts: ['whole'],
    clientStallMs: 1000,
    writeHead: () => void res.writeHead(200, { 'Content-Length': String(body.length) }),
    onBytes: () => undefined,
    onFailure,
  })
  return onFailure
}

test('what comes in one turn of the event loop goes out in one write, with the head', async () => {
  const { answer, res } = await asked()
  const write = vi.spyOn(res, 'write')
  const writeHead = vi.spyOn(res, 'writeHead')
  const body = new BufferedBody(6)
  send(res, body)
  body.append(Buffer.from('ab'))
  body.append(Buffer.from('cd'))
  expect(writeHead).not.toHaveBeenCalled()
  const { receivedBytes, ended } = await answer
  await receivedBytes(4)
  body.append(Buffer.from('e'))
  body.append(Buffer.from('f'))
  body.complete()

  expect((await ended).body.toString()).toBe('abcdef')
  expect(write.mock.calls.map(([bytes]) => String(bytes))).toEqual(['abcd', 'ef'])
})

test('a body that fails in the turn in which its first bytes came is not begun', async () => {
  const { answer, res } = await asked()
  const body = new BufferedBody(4)
  const onFailure = send(res, body)
  onFailure.mockImplementation(() => void res.writeHead(502).end('sorry'))
  const error = new OriginError('broken', 'it broke')
  body.append(Buffer.from('ab'))
  body.fail(error)
  const { status, body: received } = await (await answer).ended

  expect([status, received.toString()]).toEqual([502, 'sorry'])
  expect(onFailure.mock.calls).toEqual([[error, false]])
})

test('one that fails later is cut off after what came before', async () => {
  const { answer, res } = await asked()
  const body = new BufferedBody(4)
  const onFailure = send(res, body)
  const error = new OriginError('broken', 'it broke')
  body.append(Buffer.from('ab'))
  const { receivedBytes, ended } = await answer
  await receivedBytes(2)
  body.fail(error)
  const { isWhole, body: received } = await ended

  expect([isWhole, received.toString()]).toEqual([false, 'ab'])
  expect(onFailure.mock.calls).toEqual([[error, true]])
})

test('a client that leaves in the turn in which bytes came is no reader any more', async () => {
  const { answer, res } = await asked()
  const body = new BufferedBody(4)
  const onFailure = send(res, body)
  body.append(Buffer.from('ab'))
  const closed = once(res, 'close')
  res.destroy()
  await expect(answer).rejects.toThrow()
  await closed
  body.append(Buffer.from('cd'))
  body.complete()
  await new Promise(setImmediate)

  expect([body.readers, onFailure.mock.calls]).toEqual([0, []])
})
