/** Object names that escaping, normalising or joining gets wrong; each is another object than every other. */

/** One name, composed and decomposed: other bytes, so other objects. */
const COMPOSED = 'caf\u00e9'
const DECOMPOSED = 'cafe\u0301'

export const ODD_KEYS: readonly { readonly what: string; readonly key: string }[] = [
  { what: 'a space', key: 'odd/a b' },
  { what: 'a space at each end', key: ' odd ' },
  { what: 'a plus', key: 'odd/a+b' },
  { what: 'a percent sign', key: 'odd/100%' },
  { what: 'an escape that is meant literally', key: 'odd/a%2Fb' },
  { what: 'an escape of an escape', key: 'odd/a%252Fb' },
  { what: 'the slash that escape could stand for', key: 'odd/a/b' },
  { what: 'an empty segment', key: 'odd/a//b' },
  { what: 'a leading slash', key: '/odd/a' },
  { what: 'two leading slashes', key: '//odd/a' },
  { what: 'no leading slash', key: 'odd/a' },
  { what: 'a trailing slash', key: 'odd/a/' },
  { what: 'slashes alone', key: '//' },
  { what: 'a question mark', key: 'odd/a?b=c' },
  { what: 'a hash', key: 'odd/a#b' },
  { what: 'an ampersand and an equals sign', key: 'odd/a&b=c' },
  { what: 'double quotes', key: 'odd/"a"' },
  { what: 'a single quote', key: "odd/it's" },
  { what: 'what is escaped by some and not by others', key: 'odd/!*()~;:@,$' },
  { what: 'what no URL may hold', key: 'odd/<a>|^`{}[]\\' },
  { what: 'composed Unicode', key: `odd/${COMPOSED}` },
  { what: 'decomposed Unicode', key: `odd/${DECOMPOSED}` },
  { what: 'characters beyond 16 bits', key: 'odd/\u{1f3ac}' },
  { what: 'a tab and a line break', key: 'odd/a\tb\nc' },
  { what: 'three dots', key: 'odd/...' },
  { what: '1024 bytes, the most there can be', key: 'k'.repeat(1024) },
  { what: '1024 bytes of two-byte characters', key: '\u00e9'.repeat(512) },
]
