/**
 * YAML text to a plain tree of mappings, lists and scalars.
 *
 * What goes wrong is told by line and column and in our own words: the parser's messages quote the text, and the text
 * may be a secret.
 */

import type { Document, ErrorCode } from 'yaml'
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar, visit } from 'yaml'
import type { ConfigProblem } from '../errors.ts'

/** Copies that aliases may make of what they stand for: enough for people, too few for an explosion. */
const MAX_ALIASES = 100
/** One slip can upset the parser for the rest of the file; the first lines named are the useful ones. */
const MAX_PROBLEMS = 10

export type ParsedYaml =
  | { readonly kind: 'tree'; readonly tree: unknown }
  | { readonly kind: 'faulty'; readonly problems: readonly ConfigProblem[] }

/** Mapping keys come out as strings; merge keys (`<<: *anchor`) work. `file` is named in the problems. */
export function parseYaml(text: string, file: string): ParsedYaml {
  try {
    const lines = new LineCounter()
    const document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
      stringKeys: true,
      merge: true,
      resolveKnownTags: false,
    })
    const faults = [
      ...document.errors,
      ...document.warnings,
      ...aliasesWithoutAnchor(document),
      ...mergesOfOthers(document),
    ]
    if (faults.length > 0) {
      const firstOfLine = new Map(faults.toReversed().map((fault) => [lines.linePos(fault.pos[0]).line, fault]))
      const problems = [...firstOfLine.values()].toReversed().map((fault) => toProblem(fault, text, lines, file))
      return { kind: 'faulty', problems: problems.slice(0, MAX_PROBLEMS) }
    }
    return { kind: 'tree', tree: document.toJS({ maxAliasCount: MAX_ALIASES }) }
  } catch (error) {
    // What is thrown for a file that would not end: too many copies by aliases, and nesting deeper than the stack.
    if (error instanceof ReferenceError) return faulty(file, `more than ${MAX_ALIASES} copies made by aliases`)
    if (error instanceof RangeError) return faulty(file, 'nested too deeply')
    throw error
  }
}

function faulty(path: string, message: string): ParsedYaml {
  return { kind: 'faulty', problems: [{ path, message }] }
}

/** Where something is wrong, and what: as much of the parser's error as is of use. */
interface Fault {
  readonly code: ErrorCode | 'MERGE_SOURCE'
  readonly pos: readonly [number, number]
}

function aliasesWithoutAnchor(document: Document): readonly Fault[] {
  const faults: Fault[] = []
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return
      const [start, end] = alias.range ?? [0, 0]
      faults.push({ code: 'BAD_ALIAS', pos: [start, end] })
    },
  })
  return faults
}

/** The parser finds these only while it merges, and says nothing of where. */
function mergesOfOthers(document: Document): readonly Fault[] {
  const faults: Fault[] = []
  const isMapping = (node: unknown) => isMap(isAlias(node) ? node.resolve(document) : node)
  visit(document, {
    Pair: (_, { key, value }) => {
      if (!isScalar(key) || key.type !== Scalar.PLAIN || key.source !== '<<') return
      const source = isAlias(value) ? value.resolve(document) : value
      if (isMapping(source) || (isSeq(source) && source.items.every(isMapping))) return
      const [start, end] = key.range ?? [0, 0]
      faults.push({ code: 'MERGE_SOURCE', pos: [start, end] })
    },
  })
  return faults
}

function toProblem({ code, pos: [offset] }: Fault, text: string, lines: LineCounter, file: string): ConfigProblem {
  const { line, col } = lines.linePos(offset)
  const start = lines.lineStarts[line - 1] ?? 0
  const written = text.slice(start, lines.lineStarts[line] ?? text.length)
  // Inside { } and [ ] an unquoted ${NAME} opens a mapping, which is the slip people make most often.
  const hint = /[[{,].*[^"']\$\{/.test(written) ? `; inside { } and [ ] write "\${NAME}" in quotes` : ''
  return { path: `${file}, line ${line}, column ${col}`, message: `${sentenceFor(code)}${hint}` }
}

function sentenceFor(code: Fault['code']): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'this key is there twice'
    case 'NON_STRING_KEY':
      return 'a key has to be a word, not a list or a mapping'
    case 'BAD_INDENT':
      return 'the indentation does not fit'
    case 'TAB_AS_INDENT':
      return 'tabs cannot indent, use spaces'
    case 'MULTIPLE_DOCS':
      return 'a second document begins here, expected only one'
    case 'BAD_ALIAS':
    case 'ALIAS_PROPS':
    case 'MULTIPLE_ANCHORS':
      return 'an alias needs an anchor of that name before it'
    case 'MERGE_SOURCE':
      return 'a merge key (<<) takes a mapping, an alias of one, or a list of these'
    case 'BAD_DQ_ESCAPE':
      return 'no such escape in a double-quoted string'
    case 'TAG_RESOLVE_FAILED':
    case 'BAD_COLLECTION_TYPE':
    case 'MULTIPLE_TAGS':
      return 'tags (!name) have no meaning here'
    case 'MISSING_CHAR':
      return 'not YAML: something is missing here, such as a closing quote or bracket, a comma, or a colon'
    case 'MULTILINE_IMPLICIT_KEY':
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'KEY_OVER_1024_CHARS':
      return 'not YAML: expected a key and a colon on one line'
    case 'RESOURCE_EXHAUSTION':
      return 'nested too deeply'
    case 'BAD_SCALAR_START':
      return 'not YAML: a value that begins like this has to be quoted'
    case 'BAD_DIRECTIVE':
    case 'BAD_PROP_ORDER':
    case 'BLOCK_IN_FLOW':
    case 'IMPOSSIBLE':
    case 'UNEXPECTED_TOKEN':
      return 'not YAML: this does not belong here'
    default:
      return code satisfies never
  }
}
