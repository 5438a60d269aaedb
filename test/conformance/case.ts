/**
 * A case of the conformance set: one sentence of an RFC, as requests, as what the origin says to each if it is asked,
 * and as what has to be seen on both sides.
 *
 * The invariant: a case is data. It knows nothing of the program in front of the origin, and holds for any shared cache.
 *
 * Texts may hold places that the runner fills in: `{now}`, `{now-60}`, `{t0+3600}` for the HTTP date that many seconds
 * from the moment of writing or from the case's start (`{t0 asctime}` and `{t0 rfc850}` in the two obsolete forms),
 * `{base}` for the case's own path, and `{authority}` for the host and port the client asks.
 */

/** `required`: a MUST of an RFC, or plain safety. `optimal`: what a good cache does where it may. */
export type Kind = 'required' | 'optimal'

/** A list writes the field on several lines. */
export type Fields = Readonly<Record<string, string | readonly string[]>>

/** Options of the route the case runs on, as in the configuration file. */
export type RouteOptions = Readonly<Record<string, unknown>>

export interface Case {
  /** Unique, in words with dashes; part of the case's path. */
  readonly id: string
  readonly kind: Kind
  /** `RFC 9111 §4.2.1` */
  readonly section: string
  /** What the RFC says, in a sentence. */
  readonly what: string
  /** @default a route without options */
  readonly route?: RouteOptions
  /** It needs more time than anyone waits: left out where time is real. */
  readonly needsFakeClock?: true
  /** One after the other. */
  readonly requests: readonly Exchange[]
}

/** One request of the client, and what comes of it. */
export interface Exchange {
  /** @default 'GET' */
  readonly method?: string
  /** What follows the case's path: `/other`, `?a=1`. @default '' */
  readonly path?: string
  /** Writes the whole URL to the request line. */
  readonly absoluteForm?: true
  /** @default '1.1' */
  readonly version?: '1.0' | '1.1'
  readonly fields?: Fields
  readonly content?: string
  /** Seconds that pass before it. @default 0 */
  readonly advance?: number
  /** Seconds that pass once the origin has been asked, while the client waits. */
  readonly advanceWhileWaiting?: number
  /** So many of the same request, all under way before the origin answers the first. @default 1 */
  readonly together?: number
  /** What the origin says, however often it is asked. @default a 200 that may not be stored */
  readonly answer?: OriginAnswer
  /** It only leads up to what the case is about: where it goes wrong, the case says nothing. */
  readonly isSetup?: true
  readonly expect?: Expectation
}

export interface InterimAnswer {
  readonly status: number
  readonly fields?: Fields
}

export interface OriginAnswer {
  /** @default 200 */
  readonly status?: number
  /** Date is added unless it is here or `hasDate` is false; Content-Length and Transfer-Encoding as `framing` says. */
  readonly fields?: Fields
  /** @default true */
  readonly hasDate?: boolean
  /** @default a text no other answer has */
  readonly body?: string
  /** Each time it is asked the text is another. */
  readonly isDistinct?: true
  /** `close`: neither length nor chunks, the end of the connection is the end of the body. @default 'length' */
  readonly framing?: 'length' | 'chunked' | 'close'
  /** After the last chunk. */
  readonly trailers?: Fields
  readonly interim?: readonly InterimAnswer[]
  /** Behaves as an origin that knows preconditions and single ranges: 304, 412, 206 and 416 where they are due. */
  readonly evaluates?: true
  /** In place of everything else: these bytes as Latin-1, then the end of the connection. */
  readonly raw?: string
  /**
   * `reset`, `close`: the connection ends before a byte of an answer; `stall`: nothing comes; a number: the connection
   * ends after that many bytes of the body, of which more were announced.
   */
  readonly failure?: 'reset' | 'close' | 'stall' | number
}

/** A text: exactly this. A list: exactly these lines. true: there, whatever it says. false: not there. */
export type Match = string | readonly string[] | RegExp | boolean

export interface Expectation {
  /** Of the final answer; one of these. */
  readonly status?: number | readonly number[]
  /** How often the origin was asked; true: at least once, false: not at all. */
  readonly asked?: boolean | number
  /** The whole body is the one that the origin's answer to this exchange (from 0) has. */
  readonly bodyOf?: number
  /** Where it looks whole, its body is that of this exchange's answer. */
  readonly bodyIfWhole?: number
  readonly body?: string | RegExp
  /** Each of the `together` clients has another body. */
  readonly hasDistinctBodies?: true
  readonly fields?: Readonly<Record<string, Match>>
  /** Age is there, once, and is this many seconds; where time is real it may be a little more. */
  readonly age?: number
  /** The interim answers, in order; where it is absent they are not looked at. */
  readonly interim?: readonly { readonly status: number; readonly fields?: Readonly<Record<string, Match>> }[]
  /** Parameters of the last member of Cache-Status; false: not there. */
  readonly cacheStatus?: Readonly<Record<string, string | number | boolean | RegExp>>
  /** The last request the origin saw; it must have been asked. */
  readonly origin?: {
    readonly method?: string | readonly string[]
    /** What follows the case's path. */
    readonly path?: string
    readonly fields?: Readonly<Record<string, Match>>
    readonly content?: string
  }
  /** Holds as well where the origin was not asked. */
  readonly ifReused?: Expectation
  /** Holds as well where the origin was asked. */
  readonly ifAsked?: Expectation
  /** Holds as well where the final answer has this status. */
  readonly ifStatus?: Readonly<Record<number, Expectation>>
  /** The origin is asked behind the client's back; the next request waits until that is over. */
  readonly background?: true
}

/** The facts of a case without its exchanges. */
export type Facts = Omit<Case, 'requests'>

export interface Twice extends Facts {
  /** What the origin says to the first request. */
  readonly answer: OriginAnswer
  /** The first request, where it is no plain GET. */
  readonly first?: Omit<Exchange, 'answer' | 'expect'>
  /** The second one, likewise; its answer where the origin is asked, too. */
  readonly second?: Omit<Exchange, 'expect'>
  readonly expect?: Expectation
}

/** The second request is answered with what the first one brought, and the origin is not asked. */
export function reused({ answer, first, second, expect, ...facts }: Twice): Case {
  return {
    ...facts,
    requests: [
      { ...first, answer },
      { ...second, expect: { asked: false, ...(isBodyless(second) ? {} : { bodyOf: 0 }), ...expect } },
    ],
  }
}

/** The origin is asked for the second request as well, and it is answered with what comes then. */
export function notReused({ answer, first, second, expect, ...facts }: Twice): Case {
  return {
    ...facts,
    requests: [
      { ...first, answer },
      { ...second, expect: { asked: true, ...(isBodyless(second) ? {} : { bodyOf: 1 }), ...expect } },
    ],
  }
}

/** About an answer out of the store: where the second request is not answered with one, the case says nothing. */
export function whenReused({ answer, first, second, expect, ...facts }: Twice): Case {
  return {
    ...facts,
    requests: [
      { ...first, answer },
      { ...first, isSetup: true, expect: { asked: false } },
      { ...second, ...(expect && { expect: { asked: false, ...expect } }) },
    ],
  }
}

function isBodyless(exchange: Omit<Exchange, 'expect'> | undefined): boolean {
  return exchange?.method === 'HEAD'
}

/** For cases that need a stored answer and care no more about how long it is fresh. */
export const FRESH = { 'Cache-Control': 'max-age=3600' }

/** Fresh for a second: {@link LATER} it is stale. */
export const BRIEF = { 'Cache-Control': 'max-age=1' }

/** Seconds after which {@link BRIEF} is stale, also where time is real and whole seconds are all that is told. */
export const LATER = 3
