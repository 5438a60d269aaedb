/**
 * The connections to one HTTP origin: each an undici Client of its own, which has one socket and sends one request at
 * a time.
 *
 * Invariant: a connection is either out, with one request, or free; the one that became free last is taken first, and
 * no more than `maxFreeSockets` are. One that did anything but carry a request to a clean end is closed, whatever it
 * was doing, connecting included. Who may take one is not decided here, and nothing queues: undici's own Pool would
 * queue a second time, keep every connection it ever had until that times out, and go on connecting for nobody.
 */
import { connect as connectPlain, isIP, type OnReadOpts, type Socket, type SocketConstructorOpts } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { type buildConnector, Client, type Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import { SocketTimeoutError } from './agents.ts'
import { readingIntoOwn } from './read-buffers.ts'

export interface HttpSocketsOptions {
  /** Scheme, host and port. */
  readonly url: string
  readonly maxFreeSockets: number
  readonly connectTimeoutMs: number
  /** How long a free connection is kept, unless the origin says that it will close it sooner. */
  readonly idleTimeoutMs: number
  readonly clock: Clock
}

export class HttpSockets {
  readonly #options: HttpSocketsOptions
  /** The one that became free last is last. */
  readonly #free: HttpSocket[] = []
  /** The last one the origin gave: spares half of the next handshake. */
  #tlsSession: Buffer | undefined
  #isRetired = false

  constructor(options: HttpSocketsOptions) {
    this.#options = options
  }

  get freeCount(): number {
    return this.#free.filter(({ isOpen }) => isOpen).length
  }

  /** Connects when it is used, if it does not come from among the free ones. */
  take(): HttpSocket {
    for (let socket = this.#free.pop(); socket !== undefined; socket = this.#free.pop()) {
      if (socket.isOpen) {
        socket.isReused = true
        return socket
      }
      socket.destroy()
    }
    return new HttpSocket({
      ...this.#options,
      session: () => this.#tlsSession,
      onSession: (session) => {
        this.#tlsSession = session
      },
      onGone: (gone) => this.#forget(gone),
    })
  }

  /** Takes back a connection whose answer has ended as it should. */
  giveBack(socket: HttpSocket): void {
    if (this.#isRetired || this.#free.length >= this.#options.maxFreeSockets) socket.destroy()
    else this.#free.push(socket)
  }

  closeFree(): void {
    for (const socket of this.#free.splice(0)) socket.destroy()
  }

  /** Closes the free ones now, and each of the others when it is given back. */
  retire(): void {
    this.#isRetired = true
    this.closeFree()
  }

  /** A free connection that the origin closed, or that was idle for long enough. */
  #forget(socket: HttpSocket): void {
    const index = this.#free.indexOf(socket)
    if (index < 0) return
    this.#free.splice(index, 1)
    socket.destroy()
  }
}

interface HttpSocketOptions extends HttpSocketsOptions {
  session(): Buffer | undefined
  onSession(session: Buffer): void
  onGone(socket: HttpSocket): void
}

export class HttpSocket {
  readonly #client: Client
  readonly #options: HttpSocketOptions
  #socket: Socket | undefined
  /** Whether the request finds the connection open, as the one before left it. */
  isReused = false
  /** Whether the connection ended otherwise than in good order. */
  isBroken = false
  /** Whether the first part of an answer's head has come and the last has not. */
  isInHead = false

  constructor(options: HttpSocketOptions) {
    this.#options = options
    this.#client = new Client(options.url, {
      connect: (target, callback) => this.#connect(target, callback),
      pipelining: 1,
      // Time is measured by our own clock, and other spans of it: queueing and a paused reader do not count.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: options.idleTimeoutMs,
      // An origin may announce a shorter time than ours (Keep-Alive: timeout), but no longer one.
      keepAliveMaxTimeout: options.idleTimeoutMs,
    })
    this.#client.on('disconnect', () => options.onGone(this))
  }

  /** Also false from when an end has begun that is not seen yet, such as one that the last answer asked for. */
  get isOpen(): boolean {
    return this.#socket?.destroyed === false
  }

  dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void {
    this.#client.dispatch(request, handler)
  }

  /** Closes the connection at once, at whatever stage it is. */
  destroy(): void {
    void this.#client.destroy()
    // The client knows nothing of a socket that is still connecting.
    this.#socket?.destroy()
  }

  #connect(target: buildConnector.Options, callback: buildConnector.Callback): void {
    const { clock, connectTimeoutMs } = this.#options
    const isTls = target.protocol === 'https:'
    const socket = readingIntoOwn(
      isTls,
      (onread) => (isTls ? this.#openTls(target, onread) : this.#openPlain(target, onread)),
      () => this.isInHead,
    )
    this.#socket = socket
    this.isReused = false
    this.isBroken = false
    this.isInHead = false
    const timer = clock.after(connectTimeoutMs, () => {
      socket.destroy(new SocketTimeoutError(`no connection after ${connectTimeoutMs} ms`))
    })
    let isSettled = false
    const settle = (...outcome: Parameters<buildConnector.Callback>) => {
      if (isSettled) return
      isSettled = true
      timer.cancel()
      callback(...outcome)
    }
    socket.once(isTls ? 'secureConnect' : 'connect', () => settle(null, socket))
    // Comes before undici's own listener, which takes a reset for the end of a body that nothing else delimits.
    socket.on('error', (error) => {
      this.isBroken = true
      settle(error, null)
    })
    socket.once('close', () => settle(new Error('the connection was given up'), null))
  }

  #openPlain({ hostname, port }: buildConnector.Options, onread: OnReadOpts): Socket {
    return connectPlain({ host: hostname, port: Number(port || 80), noDelay: true, keepAlive: true, onread })
  }

  #openTls({ hostname, port }: buildConnector.Options, onread: OnReadOpts): Socket {
    const session = this.#options.session()
    // What node documents of `onread` is missing in its types.
    const options: ConnectionOptions & Pick<SocketConstructorOpts, 'onread'> = {
      host: hostname,
      port: Number(port || 443),
      // An address is no server name (RFC 6066 §3); the certificate is checked against it all the same.
      ...(isIP(hostname) === 0 && { servername: hostname }),
      ...(session !== undefined && { session }),
      ALPNProtocols: ['http/1.1'],
      onread,
      // Said here so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment does not turn it off unseen.
      rejectUnauthorized: true,
    }
    const socket = connectTls(options)
    socket.on('session', (given) => this.#options.onSession(given))
    return socket.setNoDelay(true).setKeepAlive(true)
  }
}
