/**
 * An origin that is nothing but TCP: what it got is there to the byte, and it answers what the test writes.
 *
 * A connection ends when the other side ends it, unless half-open ones are allowed. All are closed with the test.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface OriginConnection {
  readonly socket: Socket
  received(): string
  /** Resolves with what was received once it satisfies the test, or once no more will come. */
  until(isSo: (received: string) => boolean): Promise<string>
  /** Resolves with the head of the first request, its blank line included. */
  head(): Promise<string>
  write(bytes: string | Buffer): void
  end(bytes?: string): void
  reset(): void
  /** The other side has ended its half. */
  readonly ended: Promise<void>
  /** Resolves with everything when the connection is over. */
  readonly closed: Promise<string>
}

export interface RawOrigin {
  readonly port: number
  readonly url: string
  readonly connections: readonly OriginConnection[]
  readonly open: number
  /** The nth connection, from 1, once it is there. */
  connection(nth: number): Promise<OriginConnection>
  socketsAtMost(count: number): Promise<void>
  close(): Promise<void>
}

/** @param onConnection for origins that answer by themselves */
export async function startRawOrigin(
  onConnection: (it: OriginConnection) => unknown = () => undefined,
  { allowHalfOpen = false } = {},
): Promise<RawOrigin> {
  const connections: OriginConnection[] = []
  const open = new Set<Socket>()
  const waiters = new Set<() => void>()
  const changed = () => {
    for (const check of [...waiters]) check()
  }
  const until = (isSo: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!isSo()) return
        waiters.delete(check)
        resolve()
      }
      waiters.add(check)
      check()
    })

  const server = createServer({ allowHalfOpen, noDelay: true }, (socket) => {
    const chunks: Buffer[] = []
    let isOver = false
    const received = () => Buffer.concat(chunks).toString('latin1')
    open.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      changed()
    })
    const ended = new Promise<void>((resolve) => socket.once('end', resolve))
    const closed = new Promise<string>((resolve) => {
      socket.once('close', () => {
        isOver = true
        open.delete(socket)
        changed()
        resolve(received())
      })
    })
    const connection: OriginConnection = {
      socket,
      received,
      until: async (isSo) => {
        await until(() => isOver || isSo(received()))
        return received()
      },
      head: async () => {
        const all = await connection.until((text) => text.includes('\r\n\r\n'))
        return all.slice(0, all.indexOf('\r\n\r\n') + 4)
      },
      write: (bytes) => void socket.write(bytes, 'latin1'),
      end: (bytes) => void (bytes === undefined ? socket.end() : socket.end(bytes, 'latin1')),
      reset: () => void socket.resetAndDestroy(),
      ended,
      closed,
    }
    connections.push(connection)
    changed()
    onConnection(connection)
  })
  server.listen({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of open) socket.destroy()
    await closed
  }
  onTestFinished(close)
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    connections,
    get open() {
      return open.size
    },
    connection: async (nth) => {
      await until(() => connections.length >= nth)
      const connection = connections[nth - 1]
      if (connection === undefined) throw new Error(`no connection ${nth}`)
      return connection
    },
    socketsAtMost: (count) => until(() => open.size <= count),
    close,
  }
}

/** An origin that answers every request at once with this, and keeps its connections. */
export function startAnswering(answer: string): Promise<RawOrigin> {
  return startRawOrigin((connection) => {
    let answered = 0
    connection.socket.on('data', () => {
      const heads = connection.received().split('\r\n\r\n').length - 1
      for (; answered < heads; answered += 1) connection.write(answer)
    })
  })
}

/** The fields of a head: lower-case name, value, in order. */
export function fieldsOf(head: string): readonly (readonly [string, string])[] {
  const [, ...lines] = head.trimEnd().split('\r\n')
  return lines.map((line) => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  })
}

/** Resolves when a socket with bytes to send has stopped getting rid of them. */
export async function heldBack(socket: Socket): Promise<'held back'> {
  let last = -1
  for (let unchanged = 0; unchanged < 50; ) {
    await new Promise((resolve) => setImmediate(resolve))
    const sent = socket.bytesWritten - socket.writableLength
    unchanged = sent === last ? unchanged + 1 : 0
    last = sent
  }
  return 'held back'
}
