"""taskrun completion: what a shell needs to complete names and ids."""

from __future__ import annotations

import click

from taskrunner.cli.render import say

SHELLS = ("bash", "zsh", "fish")

BASH = """\
_taskrun_completion() {
    local IFS=$'\\n' response completion type value
    response=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _TASKRUN_COMPLETE=bash_complete "$1")
    for completion in $response; do
        IFS=',' read type value <<< "$completion"
        if [[ $type == 'dir' ]]; then
            COMPREPLY=(); compopt -o dirnames 2>/dev/null
        elif [[ $type == 'file' ]]; then
            COMPREPLY=(); compopt -o default 2>/dev/null
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=("$value")
        fi
    done
    return 0
}
complete -o nosort -F _taskrun_completion taskrun 2>/dev/null || complete -F _taskrun_completion taskrun
"""
"""That of click asks bash for its version at every start of a shell; this one needs none."""


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what lets SHELL complete commands and names.

    Commands, options, names of tasks, ids of runs and of queued tasks.

    \b
    bash: eval "$(taskrun completion bash)"       in ~/.bashrc
    zsh:  eval "$(taskrun completion zsh)"        in ~/.zshrc
    fish: taskrun completion fish | source        in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    if shell == "bash":
        say(BASH, nl=False)
        return
    completer = get_completion_class(shell)
    if completer is None:
        raise click.UsageError(f"this click knows no completion for {shell}")
    root = click.get_current_context().find_root().command
    say(completer(root, {}, "taskrun", "_TASKRUN_COMPLETE").source())
