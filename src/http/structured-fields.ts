/**
 * Structured fields (RFC 9651): dictionaries and what may stand in them, read exactly as §4.2 has it.
 *
 * Invariant: a field is understood wholly or not at all; one character out of place and there is no dictionary.
 * Whole numbers and decimals stay apart, since a field may allow one and forbid the other (`60` and `60.0`).
 */

/**
 * §3.3. An integer has at most 15 digits, a decimal 12 and 3 more behind its point; a date is in whole seconds since
 * the epoch. Bytes belong to whoever asked for them.
 */
export type BareItem =
  | { readonly type: 'integer' | 'decimal' | 'date'; readonly value: number }
  | { readonly type: 'string' | 'token' | 'display-string'; readonly value: string }
  | { readonly type: 'bytes'; readonly value: Uint8Array }
  | { readonly type: 'boolean'; readonly value: boolean }

/** §3.1.2, in the order in which they were named first; of a name given twice the last value counts. */
export type Parameters = ReadonlyMap<string, BareItem>

/** §3.3 */
export type Item = BareItem & { readonly parameters: Parameters }

/** §3.1.1 */
export interface InnerList {
  readonly type: 'inner-list'
  readonly items: readonly Item[]
  readonly parameters: Parameters
}

/** §3.2, in the order in which its keys were named first; of a key given twice the last value counts. */
export type Dictionary = ReadonlyMap<string, Item | InnerList>

/** §4.2.2. Undefined where it cannot be parsed, and the whole field has to be ignored; empty where it says nothing. */
export function parseDictionary(value: string): Dictionary | undefined {
  return new Cursor(value).dictionary()
}

const KEY = /[a-z*][a-z0-9_\-.*]*/y
const NUMBER = /(-?)(\d+)(?:\.(\d*))?/y
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y
const STRING = /"([ !#-[\]-~]*(?:\\["\\][ !#-[\]-~]*)*)"/y
const DISPLAY_STRING = /%"([ !#$&-~]*(?:%[0-9a-f]{2}[ !#$&-~]*)*)"/y
const BYTES = /:([A-Za-z0-9+/]*={0,2}):/y
const BOOLEAN = /\?([01])/y
const SPACES = / */y
const OPTIONAL_WHITESPACE = /[ \t]*/y

/** A place in the value. What it reads it moves behind; where something is not there it says undefined. */
class Cursor {
  readonly #value: string
  #position = 0

  constructor(value: string) {
    this.#value = value
  }

  dictionary(): Dictionary | undefined {
    const members = new Map<string, Item | InnerList>()
    this.#take(SPACES)
    while (!this.#isAtEnd()) {
      const key = this.#key()
      if (key === undefined) return undefined
      const member = this.#takes('=') ? this.#itemOrInnerList() : this.#withParameters({ type: 'boolean', value: true })
      if (member === undefined) return undefined
      members.set(key, member)

      this.#take(OPTIONAL_WHITESPACE)
      if (this.#isAtEnd()) return members
      if (!this.#takes(',')) return undefined
      this.#take(OPTIONAL_WHITESPACE)
      if (this.#isAtEnd()) return undefined
    }
    return members
  }

  #itemOrInnerList(): Item | InnerList | undefined {
    return this.#takes('(') ? this.#restOfInnerList() : this.#item()
  }

  #restOfInnerList(): InnerList | undefined {
    const items: Item[] = []
    for (;;) {
      const hasSpace = this.#take(SPACES) !== ''
      if (this.#takes(')')) {
        const parameters = this.#parameters()
        return parameters && { type: 'inner-list', items, parameters }
      }
      if (items.length > 0 && !hasSpace) return undefined
      const item = this.#item()
      if (item === undefined) return undefined
      items.push(item)
    }
  }

  #item(): Item | undefined {
    const bare = this.#bareItem()
    return bare && this.#withParameters(bare)
  }

  #withParameters(bare: BareItem): Item | undefined {
    const parameters = this.#parameters()
    return parameters && { ...bare, parameters }
  }

  #parameters(): Parameters | undefined {
    const parameters = new Map<string, BareItem>()
    while (this.#takes(';')) {
      this.#take(SPACES)
      const key = this.#key()
      if (key === undefined) return undefined
      const value: BareItem | undefined = this.#takes('=') ? this.#bareItem() : { type: 'boolean', value: true }
      if (value === undefined) return undefined
      parameters.set(key, value)
    }
    return parameters
  }

  #key(): string | undefined {
    return this.#take(KEY)
  }

  #bareItem(): BareItem | undefined {
    switch (this.#value[this.#position]) {
      case '"': {
        const value = this.#take(STRING)
        return value === undefined ? undefined : { type: 'string', value: value.replace(/\\(.)/g, '$1') }
      }
      case '%': {
        const value = decodeEscapes(this.#take(DISPLAY_STRING))
        return value === undefined ? undefined : { type: 'display-string', value }
      }
      case ':':
        return bytesOf(this.#take(BYTES))
      case '?': {
        const digit = this.#take(BOOLEAN)
        return digit === undefined ? undefined : { type: 'boolean', value: digit === '1' }
      }
      case '@': {
        this.#position += 1
        const number = this.#number()
        return number?.type === 'integer' ? { type: 'date', value: number.value } : undefined
      }
      default: {
        const token = this.#take(TOKEN)
        return token === undefined ? this.#number() : { type: 'token', value: token }
      }
    }
  }

  #number(): BareItem | undefined {
    NUMBER.lastIndex = this.#position
    const match = NUMBER.exec(this.#value)
    if (match === null) return undefined
    this.#position = NUMBER.lastIndex
    const [text, , whole = '', fraction] = match
    // There is one zero, whatever sign it was sent with.
    const value = Number(text) + 0
    if (fraction === undefined) return whole.length > 15 ? undefined : { type: 'integer', value }
    if (whole.length > 12 || fraction.length < 1 || fraction.length > 3) return undefined
    return { type: 'decimal', value }
  }

  /** What the pattern, which is a sticky one, matches here: its group, where it has one. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position
    const match = pattern.exec(this.#value)
    if (match === null) return undefined
    this.#position = pattern.lastIndex
    return match[1] ?? match[0]
  }

  #takes(character: string): boolean {
    if (this.#value[this.#position] !== character) return false
    this.#position += 1
    return true
  }

  #isAtEnd(): boolean {
    return this.#position === this.#value.length
  }
}

/** Missing padding and stray last bits are forgiven (§4.2.7); a length that no bytes have is not. */
function bytesOf(base64: string | undefined): BareItem | undefined {
  if (base64 === undefined || base64.replace(/=+$/, '').length % 4 === 1) return undefined
  return { type: 'bytes', value: new Uint8Array(Buffer.from(base64, 'base64')) }
}

/** §4.2.10 */
function decodeEscapes(escaped: string | undefined): string | undefined {
  if (escaped === undefined) return undefined
  try {
    return decodeURIComponent(escaped)
  } catch {
    // A URIError is its only complaint: bytes that are not UTF-8.
    return undefined
  }
}
