// What eslint looks for. Types are the business of tsc (tsconfig.json).
import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['.venv/', 'build/', 'var/', '**/vendor/'] },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'array-callback-return': 'error',
      'consistent-return': 'error',
      'default-param-last': 'error',
      eqeqeq: 'error',
      'max-lines': ['error', { max: 400 }],
      'no-else-return': 'error',
      'no-promise-executor-return': 'error',
      'no-self-compare': 'error',
      'no-shadow': 'error',
      'no-template-curly-in-string': 'error',
      'no-unmodified-loop-condition': 'error',
      'no-use-before-define': ['error', { functions: false, classes: false, variables: false }],
      'no-useless-return': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'prefer-template': 'error',
      'require-atomic-updates': 'error',
    },
  },
  { files: ['{web,bx24,gupshup}/**/*.js', 'tests/pages/**/*.js'], languageOptions: { globals: globals.browser } },
  // Runs before the modules of a page, in the page's own scope.
  { files: ['web/static/first.js'], languageOptions: { sourceType: 'script' } },
  { files: ['tests/javascript/**/*.js'], languageOptions: { globals: globals.node } },
];
