/* The one program of the test image. Its name says what it does: true, false, sleep (ends on SIGTERM), stubborn (ignores it). */
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(int argc, char **argv) {
  (void)argc;
  const char *slash = strrchr(argv[0], '/');
  const char *name = slash ? slash + 1 : argv[0];
  if (strcmp(name, "true") == 0) return 0;
  if (strcmp(name, "false") == 0) return 1;
  signal(SIGTERM, strcmp(name, "stubborn") == 0 ? SIG_IGN : end);
  for (;;) pause();
}
