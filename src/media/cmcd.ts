/**
 * CMCD (CTA-5004): what a player tells of itself with every request, as the query parameter `CMCD` or in four fields.
 *
 * It is another text each time, about the player and not about the object, so it is no part of a key and no origin
 * gets to see it. What an operator wants to know of it is read, by what the few keys look like and without a
 * dictionary's whole grammar, which would cost as much as the answer itself.
 *
 * Invariant: it never throws, and what comes out is bounded and of its type, whatever was sent.
 */

/** What is read; a key that is absent or wrong is left out. */
export interface Cmcd {
  /** Of the playback session: a player's own random name for it. */
  readonly sid?: string
  /** What the object is: manifest, audio, video, both, init segment, caption, timed text, key, other. */
  readonly ot?: (typeof OBJECT_TYPES)[number]
  /** Encoded bitrate, kbit/s. */
  readonly br?: number
  /** Buffer length, ms. */
  readonly bl?: number
  /** The buffer has run empty since the last request. */
  readonly bs?: true
  /** The object is needed at once: start, seek, or recovery from an empty buffer. */
  readonly su?: true
  /** Measured throughput, kbit/s. */
  readonly mtp?: number
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>

const OBJECT_TYPES = ['m', 'a', 'v', 'av', 'i', 'c', 'tt', 'k', 'o'] as const
const PARAMETER = 'CMCD='
/** What is longer is no player's. */
const MAX_LENGTH = 2048
const MAX_SID_LENGTH = 64

/** Lower case: `CMCD-Request` and its kin. */
export function isCmcdField(lowerCaseName: string): boolean {
  return lowerCaseName.startsWith('cmcd-')
}

/** A query as it was sent, without the parameter: `?a=1&CMCD=…` becomes `?a=1`. */
export function withoutCmcd(sentQuery: string): string {
  if (!sentQuery.includes(PARAMETER)) return sentQuery
  const rest = sentQuery
    .slice(1)
    .split('&')
    .filter((parameter) => !parameter.startsWith(PARAMETER))
  return rest.length === 0 ? '' : `?${rest.join('&')}`
}

/** Undefined where the player tells nothing. @param query as it was sent, without its question mark */
export function readCmcd(query: string, headers: Headers): Cmcd | undefined {
  const text = fromQuery(query) ?? fromHeaders(headers)
  return text === undefined || text.length > MAX_LENGTH ? undefined : read(text)
}

function fromQuery(query: string): string | undefined {
  const place = query === '' ? -1 : query.indexOf(PARAMETER)
  if (place === -1 || (place > 0 && query[place - 1] !== '&')) return undefined
  const end = query.indexOf('&', place)
  const value = query.slice(place + PARAMETER.length, end === -1 ? undefined : end)
  if (value.length > MAX_LENGTH) return undefined
  try {
    return decodeURIComponent(value)
  } catch {
    // Its only complaint: bytes that are no text.
    return undefined
  }
}

function fromHeaders(headers: Headers): string | undefined {
  const request = headers['cmcd-request']
  const object = headers['cmcd-object']
  const status = headers['cmcd-status']
  const session = headers['cmcd-session']
  if (request === undefined && object === undefined && status === undefined && session === undefined) return undefined
  return [request, object, status, session].flatMap((value) => value ?? []).join(',')
}

/** One member and what is between it and the next: a flag, a quoted text, or anything up to a comma. */
const MEMBER = /[ \t]*([a-z0-9*][a-z0-9_.*-]*)(?:=("(?:[^"\\]|\\.)*"|[^,"]*))?[ \t]*(?:,|$)/y

function read(text: string): Cmcd | undefined {
  const read: { -readonly [Key in keyof Cmcd]: Cmcd[Key] } = {}
  let isAny = false
  MEMBER.lastIndex = 0
  for (let member = MEMBER.exec(text); member !== null; member = MEMBER.exec(text)) {
    const [, key, value] = member
    switch (key) {
      case 'br':
      case 'bl':
      case 'mtp': {
        const number = numberIn(value)
        if (number !== undefined) read[key] = number
        break
      }
      case 'bs':
      case 'su':
        if (value === undefined || value === '?1' || value === 'true') read[key] = true
        break
      case 'ot': {
        const type = OBJECT_TYPES.find((one) => one === value)
        if (type !== undefined) read.ot = type
        break
      }
      case 'sid': {
        const sid = value?.startsWith('"') === true ? value.slice(1, -1) : value
        if (sid !== undefined && isSessionName(sid)) read.sid = sid
        break
      }
      default:
    }
    isAny = true
    if (MEMBER.lastIndex === text.length) break
  }
  return isAny ? read : undefined
}

/** The first number: a later version lists one for each track, `(3200;v 128;a)`. */
function numberIn(value: string | undefined): number | undefined {
  const digits = /^\(?([0-9]{1,9})(?:\.[0-9]{1,3})?(?=[;) ]|$)/.exec(value ?? '')?.[1]
  return digits === undefined ? undefined : Number(digits)
}

/** Printed in logs, so of plain characters. */
function isSessionName(sid: string): boolean {
  return sid.length <= MAX_SID_LENGTH && /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(sid)
}
