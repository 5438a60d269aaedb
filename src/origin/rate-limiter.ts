/**
 * How fast an origin may be asked: a smooth pace that gives way when the origin says it is too much.
 *
 * Invariant: in any stretch of time no more leave than the allowed rate gives for it plus one burst (what the rate
 * gives in 50 ms, at least one), and the rate is never above the configured one.
 *
 * A refusal (503, 429) makes the rate fall by 0.7, at most once in 250 ms, down to a tenth of the configured rate;
 * then it climbs by a twentieth of where it was for each second. Without a configured rate there is none until the
 * first refusal, which teaches one from what was sent in the second before it, and a minute without refusals takes it
 * away again.
 *
 * Two refusals mean nothing: those that are under one in a hundred, and those that do not get rarer when the rate
 * falls. A server that fails one request in five at any rate is slowed down twice and then left to the retries; only
 * one that refuses every other request is slowed down without such proof. It has no clock and no timer: who asks says
 * what time it is.
 */
import { SlidingCount } from './sliding-count.ts'

const BURST_MS = 50
const CUT = 0.7
const CUT_INTERVAL_MS = 250
/** Of the rate before trouble began, for each second without a cut. */
const RECOVERY_PER_SECOND = 0.05
/** The rate never falls below this part of the configured one; */
const LEAST_SHARE = 0.1
/** and where none is configured, never below this. */
const LEAST_LEARNED_PER_SECOND = 50
/** So long without a refusal worth the name, and the next one is new trouble. */
const CALM_MS = 1000
/** So long without one, and a learned rate is forgotten. */
const FORGET_MS = 60_000
const TOLERATED_SHARE = 0.01
/** From here on refusals are believed to be about the rate. */
const CERTAIN_SHARE = 0.5
/** A cut has helped when refusals fall below this part of what they were. */
const HELPED = 0.8
const COUNTED_MS = 1000
/** Tokens are sums of fractions. */
const EPSILON = 1e-6

export class RateLimiter {
  readonly #maxPerSecond: number | undefined
  readonly #sent = new SlidingCount(COUNTED_MS)
  readonly #answers = new SlidingCount(COUNTED_MS)
  readonly #refusals = new SlidingCount(COUNTED_MS)
  #allowedPerSecond: number
  #recoveryPerSecond = 0
  #tokens: number
  #advancedToMs: number | undefined
  #decidedAtMs = Number.NEGATIVE_INFINITY
  /** How many were refused after the cut before, where there was one and it has been measured. */
  #shareBefore: number | undefined

  /** @param maxPerSecond undefined: whatever the origin takes */
  constructor(maxPerSecond: number | undefined) {
    this.#maxPerSecond = maxPerSecond
    this.#allowedPerSecond = maxPerSecond ?? Number.POSITIVE_INFINITY
    this.#tokens = burstOf(this.#allowedPerSecond)
  }

  /** Requests per second at this moment; Infinity where nothing limits them. */
  allowedPerSecond(nowMs: number): number {
    this.#advance(nowMs)
    return this.#allowedPerSecond
  }

  /** @returns 0: the request may go now, and is counted; else in how many milliseconds to ask again */
  take(nowMs: number): number {
    this.#advance(nowMs)
    if (this.#tokens < 1 - EPSILON) return Math.ceil(((1 - EPSILON - this.#tokens) / this.#allowedPerSecond) * 1000)
    this.#tokens -= 1
    this.#sent.add(nowMs)
    return 0
  }

  /** What came of a request: whether the origin asked for fewer of them. */
  answered(isRefusal: boolean, nowMs: number): void {
    this.#answers.add(nowMs)
    if (!isRefusal) return
    this.#refusals.add(nowMs)
    const share = this.#refusals.total(nowMs) / this.#answers.total(nowMs)
    const sinceDecisionMs = Math.abs(nowMs - this.#decidedAtMs)
    if (share < TOLERATED_SHARE || sinceDecisionMs < CUT_INTERVAL_MS) return

    this.#advance(nowMs)
    const isNewTrouble = sinceDecisionMs > CALM_MS
    const before = isNewTrouble ? undefined : this.#shareBefore
    this.#decidedAtMs = nowMs
    this.#answers.clear()
    this.#refusals.clear()
    if (before !== undefined && share < CERTAIN_SHARE && share >= before * HELPED) return
    // The first refusal comes after any number of good answers: only what follows a cut is a measure.
    this.#shareBefore = isNewTrouble ? undefined : share
    this.#cut(nowMs, isNewTrouble)
  }

  #cut(nowMs: number, isNewTrouble: boolean): void {
    const allowed = this.#allowedPerSecond
    const known = Number.isFinite(allowed) ? allowed : this.#sent.total(nowMs)
    const max = this.#maxPerSecond
    const least = max === undefined ? LEAST_LEARNED_PER_SECOND : max * LEAST_SHARE
    if (isNewTrouble || !Number.isFinite(allowed)) {
      this.#recoveryPerSecond = Math.max(max ?? known, least) * RECOVERY_PER_SECOND
    }
    this.#allowedPerSecond = Math.max(known * CUT, least)
    this.#tokens = Math.min(this.#tokens, burstOf(this.#allowedPerSecond))
  }

  #advance(nowMs: number): void {
    const elapsedSeconds = Math.max(0, nowMs - (this.#advancedToMs ?? nowMs)) / 1000
    this.#advancedToMs = nowMs
    const allowed = this.#allowedPerSecond
    if (!Number.isFinite(allowed) || elapsedSeconds === 0) return
    this.#tokens = Math.min(burstOf(allowed), this.#tokens + elapsedSeconds * allowed)
    const recovered = allowed + elapsedSeconds * this.#recoveryPerSecond
    if (this.#maxPerSecond !== undefined) {
      this.#allowedPerSecond = Math.min(this.#maxPerSecond, recovered)
    } else if (Math.abs(nowMs - this.#decidedAtMs) < FORGET_MS) {
      this.#allowedPerSecond = recovered
    } else {
      this.#allowedPerSecond = Number.POSITIVE_INFINITY
      this.#tokens = Number.POSITIVE_INFINITY
    }
  }
}

function burstOf(perSecond: number): number {
  return Math.max(1, (perSecond * BURST_MS) / 1000)
}
