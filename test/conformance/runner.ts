/**
 * Runs a case: asks what it asks, lets the origin say what it says, and judges.
 *
 * The invariant: a case touches nothing of another one, so that cases may run side by side wherever time is real. Where
 * time is in the runner's hand it is one for all, and they run one after the other.
 */
import type { Case, Exchange, OriginAnswer } from './case.ts'
import { ask, type Reply } from './client.ts'
import { faultsOf, NO_CACHE_STATUS } from './judge.ts'
import type { ConformanceOrigin, SeenRequest } from './origin.ts'
import { fillIn, fillInFields, type Places } from './texts.ts'

/** A program in front of an origin. */
export interface Target {
  readonly port: number
  readonly origin: ConformanceOrigin
  /** The path of the route with these options, without a slash at its end; undefined where there can be none. */
  routePath(route: Case['route']): string | undefined
  now(): number
  advance(seconds: number): Promise<void>
  /** Lets the program finish what it does after an answer has left. */
  settle(): Promise<void>
  readonly hasFakeClock: boolean
}

export type Verdict = 'passed' | 'failed' | 'moot'

/** `moot`: it could not be told, since what leads up to it did not come about or is not to be had there. */
export interface Outcome {
  readonly case: Case
  readonly verdict: Verdict
  /** In words, for a case that did not pass. */
  readonly faults: readonly string[]
}

const DEFAULT_ANSWER: OriginAnswer = { fields: { 'Cache-Control': 'no-store' } }
/** Whole seconds are all that Date and Age tell, and a busy machine is late. */
const REAL_TIME_AGE_SLACK = 3
/** Real time: within it a request in the background has reached the origin. */
const BACKGROUND_MS = 5000

export async function runCase(it: Case, target: Target): Promise<Outcome> {
  const route = target.routePath(it.route)
  if (route === undefined) return { case: it, verdict: 'moot', faults: ['there are no such routes'] }
  if (it.needsFakeClock && !target.hasFakeClock) return { case: it, verdict: 'moot', faults: ['it takes too long'] }

  const run = new Run(it, target, `${route}/${it.id}`)
  for (const [index, exchange] of it.requests.entries()) {
    const faults = await run.exchange(index, exchange)
    if (faults.length === 0) continue
    const isMoot = exchange.isSetup === true || faults.includes(NO_CACHE_STATUS)
    return {
      case: it,
      verdict: isMoot ? 'moot' : 'failed',
      faults: faults.map((fault) => `request ${index}: ${fault}`),
    }
  }
  return { case: it, verdict: 'passed', faults: [] }
}

class Run {
  readonly #case: Case
  readonly #target: Target
  readonly #base: string
  readonly #startMs: number
  #current = 0
  #asked: SeenRequest[] = []
  #gate: Promise<void> = Promise.resolve()
  #wasAsked = Promise.withResolvers<void>()
  #wasAnswered = Promise.withResolvers<void>()

  constructor(it: Case, target: Target, base: string) {
    this.#case = it
    this.#target = target
    this.#base = base
    this.#startMs = target.now()
    target.origin.on(base, (request) => this.#say(request))
  }

  /** Its faults. */
  async exchange(index: number, exchange: Exchange): Promise<readonly string[]> {
    await this.#target.advance(exchange.advance ?? 0)
    this.#current = index
    this.#asked = []
    this.#wasAsked = Promise.withResolvers()
    this.#wasAnswered = Promise.withResolvers()
    const replies = await this.#ask(exchange)
    const expect = exchange.expect ?? {}
    if (expect.background) await within(BACKGROUND_MS, this.#wasAnswered.promise)
    await this.#target.settle()
    return faultsOf(
      expect,
      { replies, asked: this.#asked },
      {
        bodyOf: (of) => this.#bodyOf(of, 0),
        fill: (text) => fillIn(text, this.#places()),
        base: this.#base,
        ageSlack: this.#target.hasFakeClock ? 0 : REAL_TIME_AGE_SLACK,
      },
    )
  }

  async #ask(exchange: Exchange): Promise<Reply[]> {
    const { port } = this.#target
    const count = exchange.together ?? 1
    const path = this.#base + fillIn(exchange.path ?? '', this.#places())
    const request = {
      method: exchange.method ?? 'GET',
      target: exchange.absoluteForm ? `http://127.0.0.1:${port}${path}` : path,
      version: exchange.version ?? '1.1',
      fields: fillInFields(exchange.fields ?? {}, this.#places()),
      ...(exchange.content !== undefined && { content: exchange.content }),
    }
    if (count === 1) {
      const reply = ask(port, request)
      if (exchange.advanceWhileWaiting !== undefined) {
        await within(BACKGROUND_MS, this.#wasAsked.promise)
        await this.#target.advance(exchange.advanceWhileWaiting)
      }
      return [await reply]
    }
    const { promise, resolve: open } = Promise.withResolvers<void>()
    this.#gate = promise
    let sent = 0
    const allSent = Promise.withResolvers<void>()
    const count1 = () => {
      sent += 1
      if (sent === count) allSent.resolve()
    }
    const replies = Array.from({ length: count }, () => ask(port, request, count1))
    await allSent.promise
    // By the time a request that was sent after them has been to the origin and back, they have been read as well.
    await this.#target.settle()
    await ask(port, {
      method: 'GET',
      target: `${this.#base.split('/', 2).join('/')}/probe`,
      version: '1.1',
      fields: [],
    })
    open()
    return Promise.all(replies)
  }

  async #say(request: SeenRequest) {
    const nth = this.#asked.length
    const index = this.#current
    this.#asked.push(request)
    const { resolve: said } = this.#wasAnswered
    this.#wasAsked.resolve()
    await this.#gate
    return { answer: this.#answerOf(index), body: this.#bodyOf(index, nth), places: this.#places(), said }
  }

  #answerOf(index: number): OriginAnswer {
    return this.#case.requests[index]?.answer ?? DEFAULT_ANSWER
  }

  #bodyOf(index: number, nth: number): string {
    const { body = `answer ${index} to ${this.#case.id}`, isDistinct } = this.#answerOf(index)
    return isDistinct ? `${body}, number ${nth}` : body
  }

  #places(): Places {
    const nowMs = this.#target.now()
    return { nowMs, startMs: this.#startMs, base: this.#base, authority: `127.0.0.1:${this.#target.port}` }
  }
}

/** Waits for it, but not for ever: what did not happen shows in what was seen. */
async function within(ms: number, happening: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const limit = setTimeout(resolve, ms)
  await Promise.race([happening, promise])
  clearTimeout(limit)
}
