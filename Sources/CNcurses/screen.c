#define _XOPEN_SOURCE_EXTENDED 1
#define _GNU_SOURCE
#include "CNcurses.h"

#include <dlfcn.h>
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

// Functions, no macros that reach into the library's variables: those cannot be had from what is opened late.
#define NCURSES_NOMACROS 1
#include <ncurses.h>

// Every function that is used, once: for the pointer to it, and for looking it up.
#define FUNCTIONS(X)                                                                                                   \
  X(COLOR_PAIR) X(cbreak) X(curs_set) X(def_prog_mode) X(delscreen) X(endwin) X(getmaxx) X(getmaxy) X(has_colors) X(init_pair)       \
  X(keypad) X(newterm) X(noecho) X(nonl) X(set_escdelay) X(start_color) X(use_default_colors) X(waddnstr)              \
  X(wattr_off) X(wattr_on) X(werase) X(wget_wch) X(wmove) X(wrefresh) X(wtimeout)

#define POINTER(name) __typeof__(name) *name;
static struct { FUNCTIONS(POINTER) } curses;
static void *library;
static SCREEN *screen;
static WINDOW *window;
static bool has_colors_on;

enum { PAIR_GREEN = 1, PAIR_RED, PAIR_YELLOW };

static bool open_library(void) {
  if (library) return true;
  library = dlopen("libncursesw.so.6", RTLD_NOW | RTLD_LOCAL);
  if (!library) return false;
#define LOOK_UP(name)                                                                                                  \
  if (!(curses.name = (__typeof__(name) *)dlsym(library, #name))) {                                                    \
    dlclose(library);                                                                                                  \
    library = NULL;                                                                                                    \
    return false;                                                                                                      \
  }
  FUNCTIONS(LOOK_UP)
  return true;
}

int oncilla_screen_open(bool with_colors) {
  if (!open_library()) return ONCILLA_SCREEN_NO_LIBRARY;
  setlocale(LC_CTYPE, "");
  screen = curses.newterm(NULL, stdout, stdin);
  if (!screen) return ONCILLA_SCREEN_NO_TERMINAL;
  WINDOW **standard = dlsym(library, "stdscr");
  if (!standard || !*standard) {
    oncilla_screen_close();
    return ONCILLA_SCREEN_NO_TERMINAL;
  }
  window = *standard;
  curses.cbreak();
  curses.noecho();
  curses.nonl();
  curses.keypad(window, TRUE);
  curses.set_escdelay(50);
  curses.curs_set(0);
  // ^C is a key like q: ncurses would make a failure of the signal.
  struct termios mode;
  if (tcgetattr(STDIN_FILENO, &mode) == 0) {
    mode.c_cc[VINTR] = _POSIX_VDISABLE;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
    curses.def_prog_mode();
  }
  has_colors_on = with_colors && curses.has_colors() && curses.start_color() == OK;
  if (has_colors_on) {
    short background = curses.use_default_colors() == OK ? -1 : COLOR_BLACK;
    curses.init_pair(PAIR_GREEN, COLOR_GREEN, background);
    curses.init_pair(PAIR_RED, COLOR_RED, background);
    curses.init_pair(PAIR_YELLOW, COLOR_YELLOW, background);
  }
  return ONCILLA_SCREEN_OPEN;
}

void oncilla_screen_close(void) {
  if (!screen) return;
  curses.endwin();
  curses.delscreen(screen);
  screen = NULL;
  window = NULL;
}

bool oncilla_screen_is_utf8(void) {
  setlocale(LC_CTYPE, "");
  return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

void oncilla_screen_size(int *rows, int *columns) {
  *rows = curses.getmaxy(window);
  *columns = curses.getmaxx(window);
}

void oncilla_screen_begin(void) { curses.werase(window); }

static attr_t attributes(int style, short *pair) {
  attr_t result = A_NORMAL;
  if (style & ONCILLA_STYLE_BOLD) result |= A_BOLD;
  if (style & ONCILLA_STYLE_DIM) result |= A_DIM;
  if (style & ONCILLA_STYLE_REVERSE) result |= A_REVERSE;
  *pair = style & ONCILLA_STYLE_GREEN    ? PAIR_GREEN
          : style & ONCILLA_STYLE_RED    ? PAIR_RED
          : style & ONCILLA_STYLE_YELLOW ? PAIR_YELLOW
                                         : 0;
  if (!has_colors_on) *pair = 0;
  return result;
}

void oncilla_screen_put(int row, int column, int style, const char *text) {
  short pair;
  attr_t attribute = attributes(style, &pair) | (attr_t)curses.COLOR_PAIR(pair);
  if (curses.wmove(window, row, column) == ERR) return;
  curses.wattr_on(window, attribute, NULL);
  curses.waddnstr(window, text, -1);
  curses.wattr_off(window, attribute, NULL);
}

void oncilla_screen_show(void) { curses.wrefresh(window); }

int oncilla_screen_key(int milliseconds) {
  curses.wtimeout(window, milliseconds);
  wint_t key;
  int kind = curses.wget_wch(window, &key);
  if (kind == OK) return (int)key;
  if (kind != KEY_CODE_YES) return ONCILLA_KEY_NONE;
  switch (key) {
    case KEY_UP: return ONCILLA_KEY_UP;
    case KEY_DOWN: return ONCILLA_KEY_DOWN;
    case KEY_LEFT: return ONCILLA_KEY_LEFT;
    case KEY_RIGHT: return ONCILLA_KEY_RIGHT;
    case KEY_PPAGE: return ONCILLA_KEY_PAGE_UP;
    case KEY_NPAGE: return ONCILLA_KEY_PAGE_DOWN;
    case KEY_HOME: return ONCILLA_KEY_HOME;
    case KEY_END: return ONCILLA_KEY_END;
    case KEY_RESIZE: return ONCILLA_KEY_RESIZE;
    default: return ONCILLA_KEY_OTHER;
  }
}
