/**
 * The building blocks of the schema: an option that reads one value, a section of known keys, and the mark for what a
 * later version will do.
 *
 * Every complaint is a fault sentence of ours. One that begins with "expected" is completed by the loader with what
 * was there instead; none holds the value itself, because only the loader knows whether it may be shown.
 */

import * as z from 'zod'
import { nearest } from './suggest.ts'

/** What was made of a value of the file: what it means, or a sentence about what is wrong with it. */
export type Reading<T> = { readonly value: T } | { readonly fault: string }

/** A JSON Schema fragment. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** One sort of value: how it is read, and what editors should know of it. */
export interface Kind<T> {
  /** Gets what the file holds after `${NAME}` was replaced; undefined where there is nothing. */
  readonly read: (value: unknown) => Reading<T>
  /** How one writes it, for people: a sentence that ends every description. */
  readonly notation?: string
  /** Describes the file as it is written, where `${NAME}` still stands for any value. */
  readonly jsonSchema: JsonSchema
}

/** A value of that kind. Required, unless `.optional()` follows. */
export function option<T>({ read, notation, jsonSchema }: Kind<T>, description: string) {
  return z
    .unknown()
    .transform((value, context): T => {
      const reading = read(value)
      if ('value' in reading) return reading.value
      context.addIssue({ code: 'custom', message: reading.fault })
      return z.NEVER
    })
    .meta({ ...jsonSchema, description: notation === undefined ? description : `${description} ${notation}` })
}

/** A value of that kind with a default, which is given as one writes it in the file and read like the file's own. */
export function optionWithDefault<T>(kind: Kind<T>, description: string, written: unknown) {
  const shown = typeof written === 'string' ? written || '""' : JSON.stringify(written)
  return option(kind, `${description} Default: ${shown}.`).prefault(written)
}

/** A mapping with these keys and no others. Every unknown key is a problem, with a suggestion where one is close. */
export function section<const Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) =>
      // One line a key, in their order: the loader makes a problem of each.
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => unknownKey(key, known)).join('\n')
        : 'expected a mapping',
  })
}

/** A list with at least one element; `noun` is one of them. */
export function list<Element extends z.core.SomeType>(element: Element, noun: string) {
  return z.array(element, { error: `expected a list of ${noun}s` }).min(1, { error: `expected at least one ${noun}` })
}

/** A mapping whose keys are the operator's own names, as far as they match the pattern. */
export function table<Value extends z.core.SomeType>(keyPattern: RegExp, keyFault: string, value: Value) {
  return z.record(z.string().regex(keyPattern), value, {
    error: (issue) => (issue.code === 'invalid_key' ? keyFault : 'expected a mapping'),
  })
}

/**
 * For checks between the options of a mapping: run them even where some options are wrong, so that all problems come
 * at once. The parts that are wrong are then neither of their type nor undefined, whatever the compiler believes.
 */
export const EVEN_IF_WRONG = {
  when: ({ value }: { readonly value: unknown }) =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
}

/** The same for checks between the elements of a list. */
export const EVEN_IF_WRONG_IN_LIST = {
  when: ({ value }: { readonly value: unknown }) => Array.isArray(value),
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known)
  return meant === undefined ? 'unknown key' : `unknown key, did you mean "${meant}"?`
}
