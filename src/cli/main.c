/* The program's door: finds the command and lets it do the rest. Only this file ends the process. */
int main(void) { return 0; }
