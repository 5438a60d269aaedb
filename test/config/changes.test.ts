import { describe, expect, test } from 'vitest'
import { changesIn, isSameOrigin, isSamePlace, restartNeededFor } from '../../src/config/changes.ts'
import { goodWith, load, storeOf } from './good.ts'

const running = load(goodWith())

describe('what takes effect with the next start only is named by its path', () => {
  test.each([
    ['listen', 'listen[0].address', '127.0.0.1:8081', ['listen']],
    ['another listener', 'listen', [{ address: '127.0.0.1:8080' }, { address: '127.0.0.1:8081' }], ['listen']],
    ['its write buffer', 'listen[0].highWaterMark', '2MiB', ['listen']],
    ['an admin listener', 'admin', { address: '127.0.0.1:9090' }, ['admin']],
    ['memory', 'cache.memory', '2GiB', ['cache.memory']],
    ['slices and objects', 'cache', { slice: '2MiB', maxObject: '16MiB' }, ['cache.maxObject', 'cache.slice']],
    ['the form of the log', 'log.format', 'pretty', ['log.format']],
  ])('%s', (_, path, value, expected) => {
    expect([...restartNeededFor(running, load(goodWith(path, value)))].toSorted()).toEqual(expected)
  })

  test.each([
    ['nothing', '', undefined],
    ['the level of the log', 'log.level', 'debug'],
    ['access records', 'log.access', false],
    ['a route', 'routes', [{ match: '/vod/**', origin: 'spaces', ttl: '1s' }]],
    ['an origin', 'origins.spaces.bucket', 'other'],
    ['trusted proxies', 'trustedProxies', ['10.0.0.0/8']],
  ])('%s is not', (_, path, value) => {
    expect(restartNeededFor(running, load(goodWith(path, value)))).toEqual([])
  })
})

describe('what is different and takes effect at once is named by its path', () => {
  const route = (more: object) => [{ match: '/**', origin: 'spaces', ...more }]
  const keys = { accessKeyId: 'A', secretAccessKey: 'B' }
  test.each([
    ['nothing', '', undefined, []],
    ['the level of the log', 'log.level', 'debug', ['log.level']],
    ['a rule of a route', 'routes', route({ ttl: '1s' }), ['routes[0].ttl']],
    ['a field of its answers', 'routes', route({ responseHeaders: { 'X-A': '1' } }), ['routes[0].responseHeaders.X-A']],
    ['one route more', 'routes', [...route({}), ...route({})], ['routes']],
    ['the names of a list', 'trustedProxies', ['10.0.0.0/8'], ['trustedProxies']],
    ['keys, which are not shown', 'origins.spaces.credentials', keys, ['origins.spaces.credentials']],
    ['an origin that is new', 'origins.other', { type: 'http', url: 'http://127.0.0.1:9' }, ['origins.other']],
    ['a bound deep inside', 'origins.spaces.pool.connectTimeout', '3s', ['origins.spaces.pool.connectTimeout']],
    ['what only the next start heeds', 'limits.idleTimeout', '9s', []],
    ['where it listens', 'listen[0].address', '127.0.0.1:8081', []],
    ['where it is watched', 'admin', { address: '127.0.0.1:9090' }, []],
    ['its memory', 'cache.memory', '2GiB', []],
    ['the form of the log', 'log.format', 'pretty', []],
  ])('%s', (_, path, value, expected) => {
    expect(changesIn(running, load(goodWith(path, value)))).toEqual(expected)
  })
})

describe('an origin', () => {
  const spaces = storeOf(running)
  const changed = (path: string, value: unknown) => storeOf(load(goodWith(`origins.spaces.${path}`, value)))

  test('that says the same is the same', () => {
    expect(isSameOrigin(spaces, storeOf(load(goodWith())))).toBe(true)
  })

  test.each([
    ['pool', { maxSockets: 3 }],
    ['credentials', { accessKeyId: 'AK', secretAccessKey: 'SK' }],
    ['retry', { maxAttempts: 2 }],
  ])('with another %s is another one at the same place', (path, value) => {
    const next = changed(path, value)
    expect([isSameOrigin(spaces, next), isSamePlace(spaces, next)]).toEqual([false, true])
  })

  test.each([
    ['bucket', 'other'],
    ['endpoint', 'https://nyc3.example.com'],
    ['keyPrefix', 'videos/'],
  ])('with another %s is at another place', (path, value) => {
    expect(isSamePlace(spaces, changed(path, value))).toBe(false)
  })

  test('of another type is at another place', () => {
    const http = load(goodWith('origins.spaces', { type: 'http', url: 'http://127.0.0.1:9000' })).origins['spaces']
    expect(http && isSamePlace(spaces, http)).toBe(false)
  })
})
