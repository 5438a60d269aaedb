/**
 * References in DASH manifests (ISO/IEC 23009-1): where they stand in the text, and what they are relative to.
 *
 * The text is walked through once, tag by tag, so that each BaseURL is known by the time that it counts. Where several
 * stand side by side a player may take any of them, and a child gets the parameter only if it may have it with each.
 * Text that is no clear XML, or brings entities of its own, stays as it is as a whole.
 */

import type { Addition } from './playlist-rewriting-reference.ts'
import { carriesAddition, withAddition } from './playlist-rewriting-reference.ts'

const REFERENCES: Readonly<Record<string, readonly string[]>> = {
  SegmentTemplate: ['media', 'initialization', 'index', 'bitstreamSwitching'],
  SegmentURL: ['media', 'index'],
  Initialization: ['sourceURL'],
  RepresentationIndex: ['sourceURL'],
  BitstreamSwitching: ['sourceURL'],
}
/** Whose text is a URL; that of a BaseURL that ends in a slash is a folder, whose query nobody inherits. */
const REFERENCE_ELEMENTS: ReadonlySet<string> = new Set(['BaseURL', 'Location', 'PatchLocation', 'ContentSteering'])
const REMOTE = 'xlink:href'

const NAME = /[^ \t\r\n<>/="']+/y
const ATTRIBUTE = /[ \t\r\n]+([^ \t\r\n<>/="']+)[ \t\r\n]*=[ \t\r\n]*(?:"([^"<]*)"|'([^'<]*)')/y
const TAG_END = /[ \t\r\n]*(\/?)>/y
/** White space of XML; what else looks like it here are bytes of UTF-8. */
const SURROUNDING = /^[ \t\r\n]+|[ \t\r\n]+$/g
/** §5.3.9.4.4 */
const IDENTIFIER = /\$(?:\$|[A-Za-z]+(?:%0\d+d)?\$)/g
const ENTITY = /&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(\w+));/g
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const AMPERSAND = '&amp;'

/** `null` among the bases is one that nobody can tell. */
type Bases = readonly (URL | null)[]

interface Frame {
  readonly name: string
  readonly inherited: Bases
  bases: Bases
}

/** @param text one character a byte */
export function rewriteMpd(text: string, addition: Addition): string {
  return new Walk(text, addition).rewritten() ?? text
}

class Walk {
  readonly #text: string
  readonly #addition: Addition
  readonly #xmlAddition: string
  readonly #frames: Frame[] = []
  #written = ''
  /** Up to here the text has been written. */
  #done = 0

  constructor(text: string, addition: Addition) {
    this.#text = text
    this.#addition = addition
    this.#xmlAddition = addition.text.replaceAll('&', AMPERSAND)
  }

  /** Undefined where the text is not to be understood. */
  rewritten(): string | undefined {
    const text = this.#text
    for (let place = text.indexOf('<'); place !== -1; place = text.indexOf('<', place)) {
      const next = this.#step(place)
      if (next === undefined) return undefined
      place = next
    }
    return this.#frames.length === 0 ? this.#written + text.slice(this.#done) : undefined
  }

  /** What comes behind the construct that begins here. */
  #step(place: number): number | undefined {
    const text = this.#text
    if (text.startsWith('<!--', place)) return behind(text, '-->', place + 4)
    if (text.startsWith('<![CDATA[', place)) return behind(text, ']]>', place + 9)
    if (text.startsWith('<?', place)) return behind(text, '?>', place + 2)
    if (text.startsWith('<!', place)) return undefined
    if (text.startsWith('</', place)) {
      const end = behind(text, '>', place)
      const frame = this.#frames.pop()
      return frame?.name === text.slice(place + 2, (end ?? 0) - 1).trim() ? end : undefined
    }
    return this.#element(place)
  }

  #element(place: number): number | undefined {
    const name = matchAt(NAME, this.#text, place + 1)?.[0]
    if (name === undefined) return undefined
    const local = name.slice(name.indexOf(':') + 1)
    const inherited = this.#frames.at(-1)?.bases ?? [this.#addition.url]
    const names = REFERENCES[local] ?? []
    let end = place + 1 + name.length
    for (let found = matchAt(ATTRIBUTE, this.#text, end); found; found = matchAt(ATTRIBUTE, this.#text, end)) {
      const [whole, attribute = '', inQuotes, inApostrophes] = found
      const value = inQuotes ?? inApostrophes ?? ''
      end += whole.length
      if (!names.includes(attribute) && attribute !== REMOTE) continue
      this.#put(end - 1 - value.length, value, inherited, local === 'SegmentTemplate')
    }
    const closing = matchAt(TAG_END, this.#text, end)
    if (closing === null) return undefined
    end += closing[0].length
    if (closing[1] === '/') return end
    this.#frames.push({ name, inherited, bases: inherited })
    if (REFERENCE_ELEMENTS.has(local)) this.#textReference(local, end)
    return end
  }

  #textReference(local: string, start: number): void {
    const content = this.#text.slice(start, Math.max(start, this.#text.indexOf('<', start)))
    const value = content.replace(SURROUNDING, '')
    if (value === '') return
    const parent = this.#frames.at(-2)
    if (local !== 'BaseURL') {
      this.#put(start + content.indexOf(value), value, [this.#addition.url], false)
      return
    }
    if (parent === undefined) return
    if (!value.endsWith('/')) this.#put(start + content.indexOf(value), value, parent.inherited, false)
    const reference = decoded(value)
    const resolved = parent.inherited.map((base) =>
      base === null || reference === undefined ? null : URL.parse(utf8(reference), base),
    )
    parent.bases = parent.bases === parent.inherited ? resolved : [...parent.bases, ...resolved]
  }

  /** Writes the reference at its place in the text, with the parameter where it gets it. */
  #put(start: number, value: string, bases: Bases, isTemplate: boolean): void {
    const reference = decoded(value)
    if (reference === undefined) return
    const example = isTemplate ? reference.replace(IDENTIFIER, (it) => (it === '$$' ? '$' : '0')) : reference
    if (!bases.every((base) => base !== null && carriesAddition(example, base, this.#addition))) return
    this.#written += this.#text.slice(this.#done, start) + withAddition(value, this.#xmlAddition, AMPERSAND)
    this.#done = start + value.length
  }
}

/** Behind the next one of these, or undefined where there is none. */
function behind(text: string, ending: string, from: number): number | undefined {
  const place = text.indexOf(ending, from)
  return place === -1 ? undefined : place + ending.length
}

function matchAt(expression: RegExp, text: string, place: number): RegExpExecArray | null {
  expression.lastIndex = place
  return expression.exec(text)
}

/** The value that an XML parser would give; undefined where only a DTD could tell. */
function decoded(value: string): string | undefined {
  if (!value.includes('&')) return value
  let isKnown = true
  const text = value.replace(ENTITY, (_, decimal?: string, hex?: string, name?: string) => {
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : undefined
    const character = code === undefined ? NAMED[name ?? ''] : code <= 0x7f ? String.fromCharCode(code) : undefined
    if (character === undefined) isKnown = false
    return character ?? ''
  })
  return isKnown ? text : undefined
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString()
}
