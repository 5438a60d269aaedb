/**
 * Changes: what a new configuration has that a running program does not.
 *
 * Everything about routes, origins, access, certificates and what is logged takes effect at once. What stands for the
 * life of the process (its addresses, its memory, the form of its log) is named, so that nobody waits for it in vain.
 */
import { isDeepStrictEqual } from 'node:util'
import { formatPath, type Path } from './path.ts'
import type { Config, ListenConfig, OriginConfig } from './schema.ts'

/** Limits that Node's server is made with. */
const OF_LISTENERS = ['headerSize', 'headersTimeout', 'requestTimeout', 'idleTimeout'] as const

/**
 * Paths in the file of what is different and takes effect at once. What is in a list is named by its place as long as the
 * list is as long as before, else the list is.
 */
export function changesIn(running: Config, next: Config): readonly string[] {
  const paths: string[] = []
  const compare = (path: Path, a: unknown, b: unknown) => {
    if (isFixed(path) || isDeepStrictEqual(a, b)) return
    const keys = commonKeys(a, b)
    if (keys === undefined) paths.push(formatPath(path))
    else for (const key of keys) compare([...path, key], Reflect.get(Object(a), key), Reflect.get(Object(b), key))
  }
  compare([], running, next)
  return paths
}

/** Whether only the next start heeds it. */
function isFixed([section, key]: Path): boolean {
  if (section === 'listen' || section === 'admin' || section === 'cache') return true
  if (section === 'log') return key === 'format'
  return section === 'limits' && OF_LISTENERS.some((one) => one === key)
}

/** Undefined where the one is to be seen as a whole beside the other. */
function commonKeys(a: unknown, b: unknown): readonly PropertyKey[] | undefined {
  if (Array.isArray(a) && Array.isArray(b)) {
    const isSections = a.length === b.length && [...a, ...b].every(isMapping)
    return isSections ? [...a.keys()] : undefined
  }
  return isMapping(a) && isMapping(b) ? keysOf(a, b) : undefined
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Paths in the file whose change takes effect with the next start only; empty where everything does now. */
export function restartNeededFor(running: Config, next: Config): readonly string[] {
  const paths: string[] = []
  const compare = (path: string, a: unknown, b: unknown) => {
    if (!isDeepStrictEqual(a, b)) paths.push(path)
  }
  compare('listen', running.listen.map(fixedPart), next.listen.map(fixedPart))
  compare('admin', running.admin, next.admin)
  for (const key of keysOf(running.cache, next.cache)) compare(`cache.${key}`, running.cache[key], next.cache[key])
  for (const key of OF_LISTENERS) compare(`limits.${key}`, running.limits[key], next.limits[key])
  compare('log.format', running.log.format, next.log.format)
  return paths
}

/** Whether both are the same origin with the same rules, so that one that is running can stay as it is. */
export function isSameOrigin(a: OriginConfig, b: OriginConfig): boolean {
  return isDeepStrictEqual(a, b)
}

/** Whether both hold the same objects: what is stored of the one answers for the other. */
export function isSamePlace(a: OriginConfig, b: OriginConfig): boolean {
  return isDeepStrictEqual(placeOf(a), placeOf(b))
}

function placeOf(config: OriginConfig) {
  if (config.type === 'http') return [config.url]
  return [config.endpoint, config.bucket, config.keyPrefix]
}

/** Certificates are read anew, from the files that were named at the start. */
function fixedPart({ address, highWaterMark, reusePort, tls }: ListenConfig) {
  return [address, highWaterMark, reusePort, tls]
}

function keysOf<Section extends object>(a: Section, b: Section): readonly (keyof Section & string)[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof Section & string)[]
}
