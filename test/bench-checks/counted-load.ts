/** Many equal requests on few connections, each after the answer to the one before it, for servers that are counted. */

import { once } from 'node:events'
import { connect } from 'node:net'

const CONNECTIONS = 8

/**
 * Gets `path` so often. Answers are told apart by their length alone: time stands still for the server, so all are as
 * long as the first.
 *
 * @throws Error where an answer is no 200, or of another length
 */
export async function getRepeatedly(port: number, path: string, times: number): Promise<void> {
  const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: counted\r\n\r\n`)
  await Promise.all(Array.from({ length: CONNECTIONS }, () => getOnOne(port, request, Math.ceil(times / CONNECTIONS))))
}

async function getOnOne(port: number, request: Buffer, times: number): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let [answerBytes, received, done] = [0, 0, 0]
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (answerBytes === 0) answerBytes = wholeLength(chunk)
    if (received > answerBytes) reject(new Error(`${received} bytes where an answer has ${answerBytes}`))
    if (received < answerBytes) return
    received = 0
    done += 1
    if (done === times) resolve()
    else socket.write(request)
  })
  socket.on('error', reject)
  socket.on('close', () => reject(new Error(`the connection ended after ${done} answers`)))
  socket.write(request)
  await promise
  socket.destroy()
}

/** Of an answer whose fields are all in its first chunk. */
function wholeLength(chunk: Buffer): number {
  const text = chunk.toString('latin1')
  const head = text.indexOf('\r\n\r\n') + 4
  const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1]
  if (!text.startsWith('HTTP/1.1 200 ') || head === 3 || length === undefined) throw new Error(`no 200:\n${text}`)
  return head + Number(length)
}
