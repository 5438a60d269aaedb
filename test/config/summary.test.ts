/** What `check` prints of a good configuration. */
import { expect, test } from 'vitest'
import { summarise } from '../../src/config/summary.ts'
import { goodWith, load } from './good.ts'

test('each route is shown with where its requests go', () => {
  const routes = [
    { match: '/api/**', passthrough: 'http://127.0.0.1:3000' },
    { match: '/live/**', origin: 'spaces', ttl: '1s' },
  ]
  expect(
    summarise(load(goodWith('routes', routes)))
      .split('\n')
      .slice(-3),
  ).toEqual(['  route   /api/** → passed through to http://127.0.0.1:3000', '  route   /live/** → spaces, ttl 1s', ''])
})
