/**
 * HTTP/2 frame by frame (RFC 9113 §4): a client that sends what no good client would, and sees what Node's own would hide.
 */
import { once } from 'node:events'
import { connect } from 'node:tls'
import { onTestFinished } from 'vitest'
import { rawOn } from './raw-client.ts'

export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const END_STREAM = 0x1
export const END_HEADERS = 0x4
export const ACK = 0x1

export const NO_ERROR = 0x0
export const PROTOCOL_ERROR = 0x1
export const INTERNAL_ERROR = 0x2
export const CANCEL = 0x8
export const ENHANCE_YOUR_CALM = 0xb

export interface Frame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export interface RawHttp2 {
  frames(): readonly Frame[]
  send(...frames: readonly Buffer[]): void
  /** Resolves with the first frame of which this is so, or undefined when the connection is over without one. */
  frame(isSo: (frame: Frame) => boolean): Promise<Frame | undefined>
  /** Resolves with everything when the connection is over, from whichever side. */
  readonly closed: Promise<readonly Frame[]>
  /** Resolves when the bytes are with the system, or the connection is over. */
  sent(bytes: Buffer): Promise<void>
  isOver(): boolean
  /** Reads nothing until it resumes. */
  pause(): void
  resume(): void
  leave(): void
}

/**
 * Has said its preface, and has the server's settings.
 *
 * @param allowHalfOpen stay when the other side has ended its half
 */
export async function openRawHttp2(port: number, { allowHalfOpen = false } = {}): Promise<RawHttp2> {
  const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false })
  socket.allowHalfOpen = allowHalfOpen
  const connection = rawOn(socket)
  await once(socket, 'secureConnect')
  onTestFinished(() => void socket.destroy())
  const client: RawHttp2 = {
    frames: () => parseFrames(connection.received()),
    send: (...frames) => connection.write(Buffer.concat(frames)),
    frame: async (isSo) =>
      parseFrames(await connection.until((received) => parseFrames(received).some(isSo))).find(isSo),
    closed: connection.closed.then(parseFrames),
    sent: (bytes) =>
      new Promise((resolve) => {
        if (socket.destroyed || socket.write(bytes)) resolve()
        else {
          socket.once('close', () => resolve())
          socket.once('drain', () => resolve())
        }
      }),
    isOver: () => socket.destroyed,
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    leave: connection.leave,
  }
  connection.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  client.send(frame(FRAME.settings, 0, 0))
  await client.frame(({ type, flags }) => type === FRAME.settings && flags === 0)
  client.send(frame(FRAME.settings, ACK, 0))
  return client
}

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A request without content; `fields` come behind its pseudo-fields. */
export function getFrame(stream: number, path: string, fields: Readonly<Record<string, string>> = {}): Buffer {
  const all = { ':method': 'GET', ':scheme': 'https', ':path': path, ':authority': 'shield', ...fields }
  return frame(FRAME.headers, END_STREAM | END_HEADERS, stream, fieldBlock(all))
}

export function resetFrame(stream: number, code: number = CANCEL): Buffer {
  return frame(FRAME.reset, 0, stream, uint32(code))
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** RFC 7541 §6.2.2: literals without indexing, nothing compressed. */
export function fieldBlock(fields: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(fields).flatMap(([name, value]) => [Buffer.from([0]), ...literal(name), ...literal(value)]),
  )
}

/** RFC 7541 §5.1, §5.2 */
function literal(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.length < 127) return [Buffer.from([bytes.length]), bytes]
  const length = [127]
  let rest = bytes.length - 127
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128)
  return [Buffer.from([...length, rest]), bytes]
}

function parseFrames(received: Buffer): readonly Frame[] {
  const frames: Frame[] = []
  let at = 0
  while (received.length >= at + 9) {
    const end = at + 9 + received.readUIntBE(at, 3)
    if (received.length < end) break
    frames.push({
      type: received[at + 3] ?? 0,
      flags: received[at + 4] ?? 0,
      stream: received.readUInt32BE(at + 5),
      payload: received.subarray(at + 9, end),
    })
    at = end
  }
  return frames
}
