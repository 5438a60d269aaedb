/**
 * Circuit breaker: an origin that fails is left alone for a while, and its askers know at once.
 *
 * | state       | requests                                             | ends                                              |
 * |-------------|------------------------------------------------------|---------------------------------------------------|
 * | `closed`    | all go through and are counted                       | opens at `errorRate` of `minRequests` in `windowMs` |
 * | `open`      | all are refused, and told when to come back          | half-open when its time is over                   |
 * | `half-open` | three at a time go through as probes; others refused | closed after three good ones; one bad one opens it |
 *
 * Each time a probe fails the circuit stays open for twice as long, up to a minute. Failures are those of
 * {@link isOriginFault}, up to the headers, and the answers of {@link isOutageAnswer}; any other answer is a success, a
 * 404 and an application's 500 too: one broken page must not take the others away. What was aborted, never sent or
 * refused for our configuration's sake counts as neither. A store's 500 comes as an error and is a failure: it has no
 * pages of its own, and fails as a whole.
 *
 * Invariant: an outcome counts only in the state that let its request through.
 */
import type { Clock } from '../clock.ts'
import { isOutageAnswer } from './attempt.ts'
import type { OriginCounts } from './counts.ts'
import { isOriginFault, NotSentError } from './failure.ts'
import type { Fetch, OriginLog } from './origin.ts'
import { SlidingCount } from './sliding-count.ts'

export interface BreakerSettings {
  /** From 0 to 1. */
  readonly errorRate: number
  readonly minRequests: number
  readonly windowMs: number
  /** The first time. */
  readonly openForMs: number
}

export interface BreakerOptions extends BreakerSettings {
  /** The origin's name, for messages. */
  readonly name: string
  readonly clock: Clock
  readonly log: OriginLog
  /** @default counted for nobody */
  readonly counts?: OriginCounts
}

export type CircuitState = 'closed' | 'open' | 'half-open'

const PROBES = 3
const LONGEST_OPEN_MS = 60_000

type State =
  | { readonly is: 'closed'; readonly requests: SlidingCount; readonly failures: SlidingCount }
  | { readonly is: 'open'; readonly openForMs: number; readonly untilMs: number }
  | { readonly is: 'half-open'; readonly openForMs: number; probing: number; good: number }

type Outcome = 'success' | 'failure' | 'neither'

export class CircuitBreaker {
  readonly #options: BreakerOptions
  #state: State

  constructor(options: BreakerOptions) {
    this.#options = options
    this.#state = this.#closed()
  }

  /**
   * `half-open` as soon as the time is over, though nobody may have asked since: whoever sends requests only where this
   * is not `open` would else never send the one that finds the origin well again.
   */
  get state(): CircuitState {
    const state = this.#state
    return state.is === 'open' && this.#options.clock.now() >= state.untilMs ? 'half-open' : state.is
  }

  /** The same, through the circuit: refused with a {@link NotSentError} while that is open. */
  guard(fetch: Fetch): Fetch {
    return async (request) => {
      let admitted: State | undefined
      try {
        admitted = this.#admit()
        const response = await fetch(request)
        this.#count(admitted, isOutageAnswer(response) ? 'failure' : 'success')
        return response
      } catch (error) {
        this.#options.counts?.failed(error)
        if (admitted !== undefined) this.#count(admitted, isOriginFault(error) ? 'failure' : 'neither')
        throw error
      }
    }
  }

  #admit(): State {
    const now = this.#options.clock.now()
    const state = this.#state
    switch (state.is) {
      case 'closed':
        return state
      case 'open': {
        if (now < state.untilMs) throw this.#refusal(state.untilMs - now)
        const probing: State = { is: 'half-open', openForMs: state.openForMs, probing: 1, good: 0 }
        this.#state = probing
        return probing
      }
      case 'half-open':
        if (state.probing + state.good >= PROBES) throw this.#refusal(0)
        state.probing += 1
        return state
      default:
        return state satisfies never
    }
  }

  #count(admitted: State, outcome: Outcome): void {
    if (admitted !== this.#state) return
    switch (admitted.is) {
      case 'closed':
        this.#countClosed(admitted, outcome)
        return
      case 'half-open':
        this.#countProbe(admitted, outcome)
        return
      case 'open':
        return
      default:
        admitted satisfies never
    }
  }

  #countClosed({ requests, failures }: State & { is: 'closed' }, outcome: Outcome): void {
    if (outcome === 'neither') return
    const { clock, errorRate, minRequests, openForMs } = this.#options
    const now = clock.now()
    requests.add(now)
    if (outcome === 'success') return
    failures.add(now)
    const [failed, asked] = [failures.total(now), requests.total(now)]
    if (asked >= minRequests && failed >= asked * errorRate) this.#open(openForMs, { failed, asked })
  }

  #countProbe(state: State & { is: 'half-open' }, outcome: Outcome): void {
    state.probing -= 1
    if (outcome === 'failure') this.#open(Math.min(state.openForMs * 2, Math.max(LONGEST_OPEN_MS, state.openForMs)))
    if (outcome !== 'success') return
    state.good += 1
    if (state.good < PROBES) return
    this.#state = this.#closed()
    const { name, log } = this.#options
    log.warn({ origin: name, circuit: 'closed' }, `${name}: answers again; the circuit is closed`)
  }

  #open(openForMs: number, counts: Readonly<Record<string, number>> = {}): void {
    const { name, clock, log, counts: told } = this.#options
    if (told !== undefined) told.circuitOpenings += 1
    this.#state = { is: 'open', openForMs, untilMs: clock.now() + openForMs }
    const fields = { origin: name, circuit: 'open', openForMs, ...counts }
    log.warn(fields, `${name}: fails; the circuit is open and nothing is asked for ${openForMs} ms`)
  }

  #closed(): State {
    const { windowMs } = this.#options
    return { is: 'closed', requests: new SlidingCount(windowMs), failures: new SlidingCount(windowMs) }
  }

  #refusal(remainingMs: number): NotSentError {
    const retryAfterSeconds = Math.max(1, Math.ceil(remainingMs / 1000))
    return new NotSentError('overloaded', `${this.#options.name}: the circuit is ${this.state}`, { retryAfterSeconds })
  }
}
