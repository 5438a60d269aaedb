/**
 * Passed request: one request on its way to the origin of a pass-through route, and the answer on its way back.
 *
 * | phase | what may happen |
 * |---|---|
 * | `connecting` | the request is being sent, as far as it has been received; nothing has come back |
 * | `waiting` | connected: interim answers, `100 Continue` among them; the content goes on |
 * | `answering` | the answer's header has been passed on; failures can only cut it off. The content goes on |
 * | `over` | nothing reaches the origin or comes from it; content that still arrives is dropped |
 *
 * It always becomes `over`: when the answer is whole, something fails, nothing moves for too long, or the client leaves.
 */

import type { ClientRequest, IncomingMessage, InformationEvent } from 'node:http'
import { Stream } from 'node:stream'
import type { Clock, Timer } from '../clock.ts'
import type { ClientError } from '../errors.ts'
import { OriginError, toClientError } from '../errors.ts'
import { dropContent } from './drop-content.ts'
import { IdleWatch } from './idle-watch.ts'
import { isOnTurn, sendInterim } from './interim.ts'
import { passAnswer } from './pass-answer.ts'
import { expectsContinue, hasContent, interimPairs } from './passed-fields.ts'
import type { Outgoing } from './respond.ts'
import { sendError } from './respond.ts'
import { cutOff } from './send.ts'
import type { Uploads } from './uploads.ts'

/** From the beginning of a connection to the end of its handshake, as for other origins. */
export const CONNECT_MS = 5000
/** Without a byte in either direction while one is due, the wait for the answer included; what nginx allows by default. */
export const IDLE_MS = 60_000
/** An origin that ignores an expectation waits for content as its client waits for the invitation. */
const INVITE_MS = 1000
/** More interim answers than anybody has a use for. */
const MAX_INTERIM = 32

const TOO_SLOW: ClientError = { status: 408, text: 'The request took too long' }

export interface PassedRequestOptions {
  readonly outgoing: Outgoing
  readonly clock: Clock
  readonly clientStallMs: number
  readonly uploads: Uploads
  /** Whether a connection is ready only after a TLS handshake. */
  readonly isSecure: boolean
  /** Sends the request once more; undefined where it may already have had an effect. */
  readonly repeat: (() => void) | undefined
  readonly onFailure: (error: OriginError) => void
}

/**
 * For the library it is the stream that holds the request's content; being piped, it gets hold of the origin's request
 * before anything of it is sent.
 */
export class PassedRequest extends Stream {
  readonly #options: PassedRequestOptions
  readonly #watch: IdleWatch
  #phase: 'connecting' | 'waiting' | 'answering' | 'over' = 'connecting'
  #toOrigin: ClientRequest | undefined
  #connectTimer: Timer | undefined
  #inviteTimer: Timer | undefined
  #hasInvited = false
  #interimCount = 0

  constructor(options: PassedRequestOptions) {
    super()
    this.#options = options
    this.#watch = new IdleWatch(options.clock, IDLE_MS, () => this.#onIdle())
  }

  override pipe<Destination extends NodeJS.WritableStream>(destination: Destination): Destination {
    this.#begin(destination as NodeJS.WritableStream as ClientRequest)
    return destination
  }

  #begin(toOrigin: ClientRequest): void {
    const { outgoing, clock, isSecure } = this.#options
    const { req, res } = outgoing
    this.#toOrigin = toOrigin
    // The library takes an empty query away.
    toOrigin.path = req.url ?? '/'
    this.#connectTimer = clock.after(CONNECT_MS, () =>
      this.#fail(new OriginError('timeout', 'connecting took too long')),
    )
    toOrigin.once('socket', (socket) => {
      if (toOrigin.reusedSocket) this.#onConnected()
      else socket.once(isSecure ? 'secureConnect' : 'connect', () => this.#onConnected())
    })
    toOrigin.on('information', (interim: InformationEvent) => this.#onInterim(interim))
    toOrigin.once('response', (answer) => this.#onAnswer(answer, toOrigin))
    toOrigin.on('error', (cause) => this.#onError(cause))
    // Without an error: the origin wants to change to a protocol that it was not asked for.
    toOrigin.once('close', () => this.#onError(new Error('it closed the connection')))
    res.once('close', () => this.#end())
    this.#send(toOrigin)
  }

  #send(toOrigin: ClientRequest): void {
    const { outgoing, clock, uploads } = this.#options
    const { req } = outgoing
    if (!hasContent(req)) {
      req.resume()
      toOrigin.end()
      return
    }
    uploads.begin(req.socket)
    req.once('close', () => uploads.end(req.socket))
    if (expectsContinue(req)) {
      toOrigin.setHeader('Expect', '100-continue')
      toOrigin.once('continue', this.#invite)
      this.#inviteTimer = clock.after(INVITE_MS, this.#invite)
    }
    toOrigin.flushHeaders()
    req.on('data', this.#onContent)
    req.once('end', this.#onContentEnd)
  }

  readonly #invite = (): void => {
    const { res } = this.#options.outgoing
    if (this.#hasInvited || this.#phase === 'over' || !isOnTurn(res)) return
    this.#hasInvited = true
    res.writeContinue()
  }

  readonly #onContent = (chunk: Buffer): void => {
    const { req } = this.#options.outgoing
    this.#watch.progress()
    if (this.#toOrigin?.write(chunk) !== false) return
    req.pause()
    this.#toOrigin.once('drain', () => {
      this.#watch.progress()
      req.resume()
    })
  }

  readonly #onContentEnd = (): void => {
    this.#watch.progress()
    this.#toOrigin?.end()
  }

  #onConnected(): void {
    if (this.#phase !== 'connecting') return
    this.#phase = 'waiting'
    this.#connectTimer?.cancel()
    this.#watch.resume()
  }

  #onInterim({ statusCode, rawHeaders }: InformationEvent): void {
    const { req, res } = this.#options.outgoing
    this.#watch.progress()
    this.#interimCount += 1
    // 100 is for whoever expects it.
    if (statusCode === 100 || this.#interimCount > MAX_INTERIM) return
    sendInterim(req, res, statusCode, interimPairs(rawHeaders))
  }

  #onAnswer(answer: IncomingMessage, toOrigin: ClientRequest): void {
    const { outgoing, clientStallMs, onFailure } = this.#options
    if (this.#phase === 'over') {
      answer.resume()
      return
    }
    this.#onConnected()
    this.#phase = 'answering'
    this.#inviteTimer?.cancel()
    this.#watch.progress()
    const isPassing = passAnswer(answer, {
      outgoing,
      toOrigin,
      clientStallMs,
      watch: this.#watch,
      onWhole: () => this.#end(),
      onBroken: (error) => {
        this.#end()
        onFailure(error)
      },
    })
    if (!isPassing) this.#fail(new OriginError('broken', `the origin answered with status ${answer.statusCode}`))
  }

  #onError(cause: NodeJS.ErrnoException): void {
    const { outgoing, repeat } = this.#options
    if (this.#phase === 'over' || this.#phase === 'answering' || outgoing.res.destroyed) return
    // The origin was about to close this idle connection; it has seen nothing of the request.
    if (this.#toOrigin?.reusedSocket === true && repeat !== undefined) {
      this.#end()
      repeat()
      return
    }
    const kind = this.#phase === 'connecting' ? 'unreachable' : 'broken'
    this.#fail(new OriginError(kind, `the origin failed before its answer: ${cause.code ?? cause.message}`, { cause }))
  }

  #onIdle(): void {
    const { outgoing, onFailure } = this.#options
    const { req, res, exchange } = outgoing
    if (this.#phase === 'waiting' && !req.complete && this.#toOrigin?.writableNeedDrain !== true) {
      // Everything that has come went on to the origin: it is the client that we wait for.
      this.#end()
      sendError(outgoing, TOO_SLOW, ['Connection', 'close'])
      return
    }
    const error = new OriginError('timeout', 'the origin took too long')
    if (this.#phase !== 'answering') {
      this.#fail(error)
      return
    }
    exchange.error ??= error
    cutOff(res)
    this.#end()
    onFailure(error)
  }

  /** Nothing has been passed on yet, so the client can be told. */
  #fail(error: OriginError): void {
    const { outgoing, onFailure } = this.#options
    this.#end()
    outgoing.exchange.error ??= error
    sendError(outgoing, toClientError(error))
    onFailure(error)
  }

  #end(): void {
    if (this.#phase === 'over') return
    // A connection that has carried a whole exchange is the agent's to keep.
    const isWhole = this.#options.outgoing.res.writableEnded && this.#toOrigin?.writableFinished === true
    if (this.#phase !== 'answering' || !isWhole) this.#toOrigin?.destroy()
    this.#phase = 'over'
    this.#connectTimer?.cancel()
    this.#inviteTimer?.cancel()
    this.#watch.stop()
    this.#dropContent()
  }

  #dropContent(): void {
    const { outgoing, clock } = this.#options
    const { req } = outgoing
    req.off('data', this.#onContent)
    req.off('end', this.#onContentEnd)
    dropContent(req, clock)
  }
}
