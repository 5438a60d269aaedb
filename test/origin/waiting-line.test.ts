import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Place, WaitingLine } from '../../src/origin/waiting-line.ts'

test('the first to come is the first to be served, the last to come the first to be pushed out', () => {
  const line = new WaitingLine<string>()
  for (const name of ['a', 'b', 'c', 'd']) line.join(name)

  expect([line.first, line.shift(), line.pop(), line.size]).toEqual(['a', 'a', 'd', 2])
  expect([line.shift(), line.shift(), line.shift(), line.pop(), line.first]).toEqual([
    'b',
    'c',
    undefined,
    undefined,
    undefined,
  ])
})

test('whoever leaves twice, or after being served, takes nobody along', () => {
  const line = new WaitingLine<string>()
  const a = line.join('a')
  const b = line.join('b')
  line.join('c')
  line.leave(b)
  line.leave(b)
  line.shift()
  line.leave(a)

  expect([line.size, line.shift(), line.size]).toEqual([1, 'c', 0])
})

test('in any order of coming and going it is what a list would be', () => {
  const step = fc.oneof(
    fc.constant('join' as const),
    fc.constant('shift' as const),
    fc.constant('pop' as const),
    fc.nat({ max: 40 }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const line = new WaitingLine<number>()
      const places: Place<number>[] = []
      let expected: number[] = []
      for (const one of steps) {
        if (one === 'join') {
          expected.push(places.length)
          places.push(line.join(places.length))
        } else if (one === 'shift') expect(line.shift()).toBe(expected.shift())
        else if (one === 'pop') expect(line.pop()).toBe(expected.pop())
        else {
          const place = places[one]
          if (place !== undefined) line.leave(place)
          expected = expected.filter((waiter) => waiter !== one)
        }
        expect([line.size, line.first]).toEqual([expected.length, expected[0]])
      }
    }),
  )
})
