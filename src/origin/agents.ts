/**
 * The sockets of one origin: node's agents, with timeouts that measure what their names say.
 *
 * Invariant: time spent in a queue counts for none of them. `connectTimeoutMs` runs from the making of a socket until it
 * can carry a request (TLS: until the handshake is done), `responseTimeoutMs` from then, or from the reuse of an open
 * one, until the response's headers are here; `idleTimeoutMs` while nobody uses the socket. A body has no timer here.
 */
import { type AgentOptions, type ClientRequest, type ClientRequestArgs, Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent, type RequestOptions } from 'node:https'
import type { OnReadOpts, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { readingIntoOwn } from './read-buffers.ts'

declare module 'node:http' {
  interface Agent {
    /** How every ClientRequest asks its agent for a socket: not in node's documentation, but what agents are made of. */
    addRequest(request: ClientRequest, options: ClientRequestArgs): void
  }
}

export interface AgentsOptions {
  readonly maxSockets: number
  readonly maxFreeSockets: number
  readonly connectTimeoutMs: number
  readonly responseTimeoutMs: number
  readonly idleTimeoutMs: number
  readonly clock: Clock
}

export interface Agents {
  readonly http: HttpAgent
  readonly https: HttpsAgent
  /** Open sockets that nobody uses. */
  freeCount(): number
  /** Closes the free sockets now, and each of the others when its answer has ended. */
  retire(): void
}

/** `ETIMEDOUT` makes it a timeout for everyone who classifies by code, retry strategies included. */
export class SocketTimeoutError extends Error {
  readonly code = 'ETIMEDOUT'

  constructor(message: string) {
    super(message)
    this.name = 'TimeoutError'
  }
}

export function createAgents(options: AgentsOptions): Agents {
  const agents = { http: new TimedHttpAgent(options), https: new TimedHttpsAgent(options) }
  const both = [agents.http, agents.https]
  const free = () => both.flatMap((agent) => Object.values(agent.freeSockets)).flatMap((sockets) => sockets ?? [])
  return {
    ...agents,
    freeCount: () => free().length,
    retire: () => {
      // Agent.destroy() would end the answers under way as well.
      for (const agent of both) agent.maxFreeSockets = 0
      for (const socket of free()) socket.destroy()
    },
  }
}

class TimedHttpAgent extends HttpAgent {
  readonly #timeouts: Timeouts

  constructor(options: AgentsOptions) {
    super(agentOptions(options))
    this.maxFreeSockets = options.maxFreeSockets
    this.#timeouts = new Timeouts(options, 'connect')
  }

  override createConnection(...[options, onCreated]: Parameters<HttpAgent['createConnection']>): Duplex {
    const connect = (onread: OnReadOpts) => super.createConnection({ ...options, onread } as typeof options, onCreated)
    return this.#timeouts.watchSocket(readingIntoOwn(false, connect as (onread: OnReadOpts) => Socket))
  }

  override addRequest(request: ClientRequest, options: ClientRequestArgs): void {
    this.#timeouts.watchRequest(request)
    super.addRequest(request, options)
  }
}

class TimedHttpsAgent extends HttpsAgent {
  readonly #timeouts: Timeouts

  constructor(options: AgentsOptions) {
    // Said here so that NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment does not turn it off unseen.
    super({ ...agentOptions(options), rejectUnauthorized: true })
    this.maxFreeSockets = options.maxFreeSockets
    this.#timeouts = new Timeouts(options, 'secureConnect')
  }

  override createConnection(...[options, onCreated]: Parameters<HttpsAgent['createConnection']>): Duplex {
    const connect = (onread: OnReadOpts) => super.createConnection({ ...options, onread } as typeof options, onCreated)
    return this.#timeouts.watchSocket(readingIntoOwn(true, connect as (onread: OnReadOpts) => Socket))
  }

  override addRequest(request: ClientRequest, options: RequestOptions): void {
    this.#timeouts.watchRequest(request)
    super.addRequest(request, options)
  }
}

/** maxFreeSockets is not among them: the constructor takes 0 for its default, 256. */
function agentOptions({ maxSockets, idleTimeoutMs }: AgentsOptions): AgentOptions {
  // An agent's `timeout` closes sockets while they are free, and only then; a server's shorter Keep-Alive hint wins.
  return { keepAlive: true, maxSockets, timeout: idleTimeoutMs }
}

class Timeouts {
  readonly #options: AgentsOptions
  readonly #readyEvent: 'connect' | 'secureConnect'
  readonly #ready = new WeakSet<Duplex>()

  constructor(options: AgentsOptions, readyEvent: 'connect' | 'secureConnect') {
    this.#options = options
    this.#readyEvent = readyEvent
  }

  watchSocket(socket: Duplex): Duplex {
    const { clock, connectTimeoutMs } = this.#options
    const timer = clock.after(connectTimeoutMs, () => {
      socket.destroy(new SocketTimeoutError(`no connection after ${connectTimeoutMs} ms`))
    })
    socket.once(this.#readyEvent, () => {
      timer.cancel()
      this.#ready.add(socket)
    })
    socket.once('close', () => timer.cancel())
    return socket
  }

  watchRequest(request: ClientRequest): void {
    request.once('socket', (socket) => {
      if (this.#ready.has(socket)) this.#awaitResponse(request)
      else socket.once(this.#readyEvent, () => this.#awaitResponse(request))
    })
  }

  #awaitResponse(request: ClientRequest): void {
    if (request.destroyed) return
    const { clock, responseTimeoutMs } = this.#options
    const timer = clock.after(responseTimeoutMs, () => {
      request.destroy(new SocketTimeoutError(`no response headers after ${responseTimeoutMs} ms`))
    })
    request.once('response', () => timer.cancel())
    request.once('close', () => timer.cancel())
  }
}
