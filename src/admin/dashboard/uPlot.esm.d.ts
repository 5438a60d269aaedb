/** The admin listener serves uPlot under this name. */
export { default } from 'uplot'
