from simbench.cli import main

if __name__ == "__main__":
    main()
